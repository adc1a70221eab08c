"""The whole way between GMII and the frame streams of the datapath, with all that is counted on it."""

from __future__ import annotations

from typing import Any

from amaranth import DomainRenamer, Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from .beats import extra_of, keep_of, line_layout
from .crossing import EventCrossing
from .mii import ByteReceiver, ByteTransmitter
from .receive_queue import ReceiveQueue
from .receiver import RECEIVED, Receiver
from .symbols import SYMBOL
from .transmit_queue import TransmitQueue
from .transmitter import TRANSMITTED, Transmitter

COUNTERS = data.StructLayout({
    **{f"rx_{name}": 32 for name in RECEIVED.members},
    "rx_lost": 32,  # good or bad, but the queue was full
    **{f"tx_{name}": 32 for name in TRANSMITTED.members},
})
"""Frames by how they ended (`receiver.RECEIVED`, `transmitter.TRANSMITTED`), modulo 2 ** 32."""


class Mac(wiring.Component):
    """Three clock domains: ``rx`` and ``tx`` of GMII, which is 125 MHz, or in MII 25 or 2.5 MHz, and ``sync``, whose
    clock times ``width`` bytes has to be more than the line rate.

    ``width``: bytes a beat, a power of two; ``max_frame``: bytes without FCS; ``depth``: bytes of each queue, a power
    of two times ``width``.

    - In ``rx``: ``rx_symbol`` In(SYMBOL), a new one each cycle.
    - In ``tx``: ``tx_symbol`` Out(SYMBOL), a new one behind each cycle with ``tick`` In(1). ``nibbles`` In(1): symbols
      are nibbles, in both directions.
    - In ``sync``: ``output`` and ``input``, streams of `beats.line_layout`, frames without FCS, and ``counters``
      Out(COUNTERS). A frame of ``output`` that was not good ends with ``error``.
    """

    def __init__(self, width: int, max_frame: int, depth: int = 4096) -> None:
        self._width = width
        self._max_frame = max_frame
        self._beats = depth // width
        super().__init__({
            "rx_symbol": In(SYMBOL),
            "tx_symbol": Out(SYMBOL),
            "tick": In(1),
            "nibbles": In(1),
            "output": Out(stream.Signature(line_layout(width))),
            "input": In(stream.Signature(line_layout(width))),
            "counters": Out(COUNTERS),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._receive(m)
        self._transmit(m)
        return m

    def _receive(self, m: Module) -> None:
        rx = DomainRenamer("rx")
        bytes_, receiver = ByteReceiver(), Receiver(self._max_frame)
        queue = ReceiveQueue(self._width, self._beats)
        m.submodules.rx_bytes, m.submodules.receiver, m.submodules.rx_queue = rx(bytes_), rx(receiver), queue
        m.submodules.rx_nibbles = FFSynchronizer(self.nibbles, bytes_.nibbles, o_domain="rx")
        beat, output = queue.output.payload, self.output
        m.d.comb += [
            bytes_.symbol.eq(self.rx_symbol),
            receiver.symbol.eq(bytes_.output),
            receiver.enable.eq(bytes_.enable),
            queue.input.eq(receiver.output),
            queue.valid.eq(receiver.valid),
            output.payload.data.eq(beat.data),
            output.payload.keep.eq(keep_of(beat.extra, self._width)),
            output.payload.last.eq(beat.last),
            output.payload.error.eq(beat.error),
            output.valid.eq(queue.output.valid),
            queue.output.ready.eq(output.ready),
        ]
        for name in RECEIVED.members:
            self._count(m, "rx", f"rx_{name}", receiver.received[name])
        self._count(m, "rx", "rx_lost", queue.lost)

    def _transmit(self, m: Module) -> None:
        tx = DomainRenamer("tx")
        bytes_, transmitter = ByteTransmitter(), Transmitter()
        queue = TransmitQueue(self._width, self._beats)
        m.submodules.tx_bytes, m.submodules.transmitter, m.submodules.tx_queue = tx(bytes_), tx(transmitter), queue
        beat, given = queue.input.payload, self.input
        wiring.connect(m, queue.output, transmitter.input)
        m.d.comb += [
            beat.data.eq(given.payload.data),
            beat.extra.eq(extra_of(given.payload.keep)),
            beat.last.eq(given.payload.last),
            beat.error.eq(given.payload.error),
            queue.input.valid.eq(given.valid),
            given.ready.eq(queue.input.ready),
            transmitter.enable.eq(bytes_.enable),
            bytes_.input.eq(transmitter.symbol),
            bytes_.tick.eq(self.tick),
            bytes_.nibbles.eq(self.nibbles),
            self.tx_symbol.eq(bytes_.symbol),
        ]
        for name in TRANSMITTED.members:
            self._count(m, "tx", f"tx_{name}", transmitter.transmitted[name])

    def _count(self, m: Module, domain: str, name: str, event: Any) -> None:
        m.submodules[f"count_{name}"] = crossing = EventCrossing(domain, "sync")
        m.d.comb += crossing.event.eq(event)
        m.d.sync += self.counters[name].eq(self.counters[name] + crossing.amount)
