"""Frames of the datapath go over into the domain of the line, and start when nothing can stop them any more."""

from __future__ import annotations

from typing import Any

from amaranth import DomainRenamer, Module
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import AsyncFIFO
from amaranth.lib.wiring import In, Out

from ..stream import Skid
from .beats import Scatter, beat_layout
from .receive_queue import CROSSING_BEATS
from .symbols import octet_layout
from .whole_frames import WholeFrames


class TransmitQueue(wiring.Component):
    """``input``: stream of `beats.beat_layout` in domain ``sync``; ``output``: stream of `symbols.octet_layout` in
    domain ``tx``. ``width``: bytes a beat, ``depth``: beats, a power of two; ``side``: bits beside each. When a frame
    starts, `WholeFrames` says."""

    def __init__(self, width: int, depth: int, side: int = 0) -> None:
        self._width = width
        self._depth = depth
        self._side = side
        super().__init__({
            "input": In(stream.Signature(beat_layout(width, side))),
            "output": Out(stream.Signature(octet_layout(side))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        layout = beat_layout(self._width, self._side)
        tx = DomainRenamer("tx")
        m.submodules.crossing = crossing = AsyncFIFO(
            width=layout.size, depth=CROSSING_BEATS, w_domain="sync", r_domain="tx", exact_depth=True
        )
        whole, scatter = WholeFrames(layout, self._depth), Scatter(self._width, self._side)
        skid = Skid(octet_layout(self._side))
        m.submodules.whole, m.submodules.scatter, m.submodules.skid = tx(whole), tx(scatter), tx(skid)
        m.d.comb += [
            crossing.w_data.eq(self.input.payload),
            crossing.w_en.eq(self.input.valid),
            self.input.ready.eq(crossing.w_rdy),
            whole.input.payload.eq(crossing.r_data),
            whole.input.valid.eq(crossing.r_rdy),
            crossing.r_en.eq(whole.input.ready),
        ]
        wiring.connect(m, whole.output, scatter.input)
        wiring.connect(m, scatter.output, skid.input)
        wiring.connect(m, skid.output, wiring.flipped(self.output))
        return m
