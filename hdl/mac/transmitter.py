"""From the bytes of frames to GMII symbols."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from .symbols import FCS_BYTES, GAP_BYTES, MIN_FRAME, PREAMBLE, PREAMBLE_BYTES, START, SYMBOL, octet_layout

TRANSMITTED = data.StructLayout({
    "good": 1,
    "underrun": 1,  # the next byte was not there in time
    "killed": 1,  # ended with ``error``
})
"""How a frame ended: one of these, for one cycle."""


class Transmitter(wiring.Component):
    """Adds preamble, padding to 60 bytes, FCS and gap. In domain ``sync``, the clock of GMII.

    ``input``: stream of `symbols.octet_layout`. Once the first byte of a frame was offered, each next one has to be
    there in time; who has frames that come slowly stores them before. ``symbol`` Out(SYMBOL) changes behind cycles with
    ``enable``, one in each byte time. A frame that lacks a byte or ends with ``error`` is cut off with TX_ER, so that
    no receiver takes it for good; what comes of it later is thrown away. ``transmitted`` Out(TRANSMITTED).
    ``begins``: the first byte of a frame is taken.
    """

    def __init__(self, side: int = 0) -> None:
        super().__init__({
            "input": In(stream.Signature(octet_layout(side))),
            "enable": In(1),
            "symbol": Out(SYMBOL),
            "transmitted": Out(TRANSMITTED),
            "begins": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        octet = self.input.payload
        following = Signal(SYMBOL)
        wanted = Signal()  # a byte of the frame in this byte time
        count = Signal(range(MIN_FRAME + 1))  # bytes of the frame up to 60; of anything else the bytes that are left
        with m.If(self.enable):
            m.d.sync += self.symbol.eq(following)
        m.d.comb += [
            self.input.ready.eq(self.enable & wanted),
            crc.data.eq(Mux(wanted, octet.data, 0)),
            self.begins.eq(crc.valid & wanted & (count == 0)),
        ]

        with m.FSM():
            with m.State("idle"), m.If(self.enable & self.input.valid):
                m.d.comb += [following.data.eq(PREAMBLE), following.valid.eq(1)]
                m.d.sync += count.eq(PREAMBLE_BYTES - 1)
                m.next = "preamble"
            with m.State("preamble"):
                m.d.comb += [following.data.eq(Mux(count == 0, START, PREAMBLE)), following.valid.eq(1)]
                m.d.comb += crc.start.eq(1)
                with m.If(self.enable):
                    m.d.sync += count.eq(count - 1)
                    with m.If(count == 0):
                        m.d.sync += count.eq(0)
                        m.next = "frame"
            with m.State("frame"):
                bad = ~self.input.valid | (octet.last & octet.error)
                m.d.comb += [
                    wanted.eq(1),
                    following.data.eq(octet.data),
                    following.valid.eq(1),
                    following.error.eq(bad),
                    crc.valid.eq(self.enable),
                ]
                with m.If(self.enable):
                    with m.If(count != MIN_FRAME):
                        m.d.sync += count.eq(count + 1)
                    with m.If(~self.input.valid):
                        m.d.comb += self.transmitted.underrun.eq(1)
                        m.next = "discard"
                    with m.Elif(octet.last & octet.error):
                        m.d.comb += self.transmitted.killed.eq(1)
                        self._leave_gap(m, count)
                    with m.Elif(octet.last):
                        with m.If(count >= MIN_FRAME - 1):
                            m.d.sync += count.eq(FCS_BYTES - 1)
                            m.next = "fcs"
                        with m.Else():
                            m.next = "pad"
            with m.State("pad"):
                m.d.comb += [following.valid.eq(1), crc.valid.eq(self.enable)]
                with m.If(self.enable):
                    m.d.sync += count.eq(count + 1)
                    with m.If(count == MIN_FRAME - 1):
                        m.d.sync += count.eq(FCS_BYTES - 1)
                        m.next = "fcs"
            with m.State("fcs"):
                m.d.comb += following.valid.eq(1)
                with m.Switch(count):
                    for i in range(FCS_BYTES):
                        with m.Case(FCS_BYTES - 1 - i):
                            m.d.comb += following.data.eq(crc.crc.word_select(i, 8))
                with m.If(self.enable):
                    m.d.sync += count.eq(count - 1)
                    with m.If(count == 0):
                        m.d.comb += self.transmitted.good.eq(1)
                        self._leave_gap(m, count)
            with m.State("discard"):
                m.d.comb += wanted.eq(1)
                with m.If(self.enable & self.input.valid & octet.last):
                    self._leave_gap(m, count)
            with m.State("gap"), m.If(self.enable):
                m.d.sync += count.eq(count - 1)
                with m.If(count == 0):
                    m.next = "idle"
        return m

    def _leave_gap(self, m: Module, count: Signal) -> None:
        m.d.sync += count.eq(GAP_BYTES - 1)
        m.next = "gap"
