"""From GMII symbols to the bytes of frames, judged."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from .symbols import FCS_BYTES, MIN_FRAME, OCTET, START, SYMBOL

RECEIVED = data.StructLayout({
    "good": 1,
    "code": 1,  # the PHY signalled an error within the frame
    "oversize": 1,  # longer than max_frame
    "runt": 1,  # shorter than 60 bytes and FCS
    "fcs": 1,  # wrong frame check sequence
    "false_carrier": 1,  # carrier that ended without a start delimiter
})
"""How a frame ended: one of these, for one cycle. If several hold, the first behind ``good``."""


class Receiver(wiring.Component):
    """Finds frames and takes preamble and FCS away. In domain ``sync``, the PHY's receive clock.

    ``max_frame``: bytes without FCS.

    ``symbol`` In(SYMBOL): a whole byte, taken in cycles with ``enable``. ``output`` Out(OCTET) in cycles with
    ``valid``; nobody can hold it back. Bad frames end with ``error``; those without a byte before the FCS leave no
    trace in ``output``; of those that are too long the first ``max_frame`` bytes come out.
    ``received`` Out(RECEIVED). ``begins``: this is the first byte of a frame.
    """

    def __init__(self, max_frame: int) -> None:
        self._max_frame = max_frame
        super().__init__({
            "symbol": In(SYMBOL),
            "enable": In(1),
            "output": Out(OCTET),
            "valid": Out(1),
            "received": Out(RECEIVED),
            "begins": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        symbol = self.symbol
        # The last four bytes are the FCS, and which are the last is known only behind them: so five are held back.
        held = Array(Signal(8, name=f"held_{i}") for i in range(FCS_BYTES + 1))
        longest = self._max_frame + FCS_BYTES
        count = Signal(range(longest + 1))
        full = count > FCS_BYTES
        code = Signal()
        octet, received = Signal(OCTET), Signal(RECEIVED)
        valid = Signal()
        m.d.comb += [crc.data.eq(symbol.data), octet.data.eq(held[FCS_BYTES])]
        m.d.sync += [self.output.eq(octet), self.valid.eq(valid), self.received.eq(received)]

        with m.FSM():
            with m.State("idle"), m.If(self.enable & symbol.valid):
                m.next = "preamble"
                self._start(m, crc, count, code)
            with m.State("preamble"), m.If(self.enable):
                with m.If(~symbol.valid):
                    m.d.comb += received.false_carrier.eq(1)
                    m.next = "idle"
                with m.Else():
                    self._start(m, crc, count, code)
            with m.State("frame"), m.If(self.enable):
                with m.If(symbol.valid):
                    m.d.comb += [crc.valid.eq(1), valid.eq(full), self.begins.eq(count == 0)]
                    m.d.sync += [
                        Cat(held).eq(Cat(symbol.data, held)),
                        count.eq(count + 1),
                        code.eq(code | symbol.error),
                    ]
                    with m.If(count == longest):
                        m.d.comb += [octet.last.eq(1), octet.error.eq(1)]
                        m.d.comb += [received.code.eq(code), received.oversize.eq(~code)]
                        m.next = "skip"
                with m.Else():
                    runt = count < MIN_FRAME + FCS_BYTES
                    m.d.comb += [
                        received.code.eq(code),
                        received.runt.eq(~code & runt),
                        received.fcs.eq(~code & ~runt & ~crc.match_detected),
                        received.good.eq(~code & ~runt & crc.match_detected),
                        valid.eq(full),
                        octet.last.eq(1),
                        octet.error.eq(~received.good),
                    ]
                    m.next = "idle"
            with m.State("skip"), m.If(self.enable & ~symbol.valid):
                m.next = "idle"
        return m

    def _start(self, m: Module, crc: Any, count: Signal, code: Signal) -> None:
        """A frame begins behind its delimiter, whatever came before it: PHYs may spoil parts of the preamble."""
        with m.If((self.symbol.data == START) & ~self.symbol.error):
            m.d.comb += crc.start.eq(1)
            m.d.sync += [count.eq(0), code.eq(0)]
            m.next = "frame"
