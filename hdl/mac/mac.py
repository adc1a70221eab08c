"""The whole way between GMII and the frame streams of the datapath, with all that is counted on it."""

from __future__ import annotations

from typing import Any

from amaranth import DomainRenamer, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from .beats import extra_of, keep_of, line_layout
from .crossing import EventCrossing, FastFifo
from .mii import ByteReceiver, ByteTransmitter
from .receive_queue import ReceiveQueue
from .receiver import RECEIVED, Receiver
from .stamps import DEPARTURE, STAMP, TIME_BITS, TimeCrossing
from .symbols import SYMBOL
from .transmit_queue import TransmitQueue
from .transmitter import TRANSMITTED, Transmitter

COUNTERS = data.StructLayout({
    **{f"rx_{name}": 32 for name in RECEIVED.members},
    "rx_lost": 32,  # good or bad, but the queue was full
    **{f"tx_{name}": 32 for name in TRANSMITTED.members},
})
"""Frames by how they ended (`receiver.RECEIVED`, `transmitter.TRANSMITTED`), modulo 2 ** 32."""


TIMED = {"now": In(TIME_BITS), "departed": Out(DEPARTURE), "departs": Out(1)}
"""The ports for latencies."""


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

    ``stamped``: latencies are measured. Then ``now`` In is the time (`stamps`), ``side`` of ``output`` and ``input`` is
    a STAMP, and ``departed`` Out(DEPARTURE) with ``departs`` tells of frames that went out, in ``sync``.
    """

    def __init__(self, width: int, max_frame: int, depth: int = 4096, stamped: bool = False) -> None:
        self._width = width
        self._max_frame = max_frame
        self._beats = depth // width
        self._stamped = stamped
        self._side = side = STAMP.size if stamped else 0
        super().__init__({
            "rx_symbol": In(SYMBOL),
            "tx_symbol": Out(SYMBOL),
            "tick": In(1),
            "nibbles": In(1),
            "output": Out(stream.Signature(line_layout(width, side))),
            "input": In(stream.Signature(line_layout(width, side))),
            "counters": Out(COUNTERS),
            **(TIMED if stamped else {}),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        self._receive(m)
        self._transmit(m)
        return m

    def _receive(self, m: Module) -> None:
        rx = DomainRenamer("rx")
        bytes_, receiver = ByteReceiver(), Receiver(self._max_frame)
        queue = ReceiveQueue(self._width, self._beats, self._side)
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
            output.payload.side.eq(beat.side),
            output.valid.eq(queue.output.valid),
            queue.output.ready.eq(output.ready),
        ]
        if self._stamped:
            m.submodules.rx_time = time = TimeCrossing("rx")
            m.d.comb += time.now.eq(self.now)
            # Holds until the frame's last beat is in: the next one is five bytes behind it at least.
            with m.If(receiver.begins):
                m.d.rx += queue.side.eq(time.seen)
        for name in RECEIVED.members:
            self._count(m, "rx", f"rx_{name}", receiver.received[name])
        self._count(m, "rx", "rx_lost", queue.lost)

    def _transmit(self, m: Module) -> None:
        tx = DomainRenamer("tx")
        bytes_, transmitter = ByteTransmitter(), Transmitter(self._side)
        queue = TransmitQueue(self._width, self._beats, self._side)
        m.submodules.tx_bytes, m.submodules.transmitter, m.submodules.tx_queue = tx(bytes_), tx(transmitter), queue
        beat, given = queue.input.payload, self.input
        wiring.connect(m, queue.output, transmitter.input)
        m.d.comb += [
            beat.data.eq(given.payload.data),
            beat.extra.eq(extra_of(given.payload.keep)),
            beat.last.eq(given.payload.last),
            beat.error.eq(given.payload.error),
            beat.side.eq(given.payload.side),
            queue.input.valid.eq(given.valid),
            given.ready.eq(queue.input.ready),
            transmitter.enable.eq(bytes_.enable),
            bytes_.input.eq(transmitter.symbol),
            bytes_.tick.eq(self.tick),
            bytes_.nibbles.eq(self.nibbles),
            self.tx_symbol.eq(bytes_.symbol),
        ]
        if self._stamped:
            self._depart(m, transmitter)
        for name in TRANSMITTED.members:
            self._count(m, "tx", f"tx_{name}", transmitter.transmitted[name])

    def _depart(self, m: Module, transmitter: Transmitter) -> None:
        m.submodules.tx_time = time = TimeCrossing("tx")
        m.submodules.departures = fifo = FastFifo(DEPARTURE, "tx", "sync", depth=8)
        stamp = data.View(STAMP, transmitter.input.payload.side)
        departure = Signal(DEPARTURE)
        begins = Signal()
        # One a frame, which is much longer than the way through the FIFO: it is never full.
        m.d.tx += [
            departure.latency.eq(time.seen - stamp.time),
            departure.tag.eq(stamp.tag),
            begins.eq(transmitter.begins & (stamp.tag.verdict != 0)),
        ]
        m.d.comb += [
            time.now.eq(self.now),
            fifo.data.eq(departure),
            fifo.write.eq(begins),
            self.departed.eq(fifo.output.payload),
            self.departs.eq(fifo.output.valid),
            fifo.output.ready.eq(1),
        ]

    def _count(self, m: Module, domain: str, name: str, event: Any) -> None:
        m.submodules[f"count_{name}"] = crossing = EventCrossing(domain, "sync")
        m.d.comb += crossing.event.eq(event)
        m.d.sync += self.counters[name].eq(self.counters[name] + crossing.amount)
