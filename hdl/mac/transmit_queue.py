"""Frames of the datapath go over into the domain of the line, and start when nothing can stop them any more."""

from __future__ import annotations

from typing import Any

from amaranth import DomainRenamer, Module, Signal, signed
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import In, Out

from .beats import Scatter, beat_layout
from .crossing import EventCrossing
from .symbols import OCTET


class TransmitQueue(wiring.Component):
    """``input``: stream of `beats.beat_layout` in domain ``sync``; ``output``: stream of OCTET in domain ``tx``.
    ``width``: bytes a beat, ``depth``: beats, a power of two.

    The first byte of a frame is offered when its last beat is in, or when the FIFO is half full: then the frame never
    lacks a byte if those who write need no longer for the second half of any ``depth`` beats than the line needs for
    the first. Frames of up to ``depth`` / 2 beats never do, however they are written.
    """

    def __init__(self, width: int, depth: int) -> None:
        self._width = width
        self._depth = depth
        super().__init__({
            "input": In(stream.Signature(beat_layout(width))),
            "output": Out(stream.Signature(OCTET)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layout = beat_layout(self._width)
        fifo = AsyncFIFO(
            width=layout.size, depth=self._depth, w_domain="sync", r_domain="tx", exact_depth=True
        )
        bits = self._depth.bit_length()
        ends = EventCrossing("sync", "tx", bits)
        scatter = Scatter(self._width)
        m.submodules.fifo, m.submodules.ends, m.submodules.scatter = fifo, ends, DomainRenamer("tx")(scatter)
        written = Signal()
        m.d.comb += [
            fifo.w_data.eq(self.input.payload),
            fifo.w_en.eq(self.input.valid),
            self.input.ready.eq(fifo.w_rdy),
            written.eq(fifo.w_en & fifo.w_rdy & self.input.payload.last),
        ]
        # A cycle later, so that who learns of an end finds all beats before it in the FIFO.
        m.d.sync += ends.event.eq(written)

        # Below zero: the end of a long frame went out before its event came over.
        whole = Signal(signed(bits + 1))
        begun = Signal()
        over = Signal()
        m.d.comb += [
            scatter.input.payload.eq(fifo.r_data),
            scatter.input.valid.eq(fifo.r_rdy & (begun | (whole > 0) | (fifo.r_level >= self._depth // 2))),
            fifo.r_en.eq(scatter.input.valid & scatter.input.ready),
            over.eq(fifo.r_en & scatter.input.payload.last),
        ]
        m.d.tx += whole.eq(whole + ends.amount - over)
        with m.If(over):
            m.d.tx += begun.eq(0)
        with m.Elif(scatter.input.valid):
            m.d.tx += begun.eq(1)
        wiring.connect(m, scatter.output, wiring.flipped(self.output))
        return m
