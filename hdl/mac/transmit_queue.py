"""Frames of the datapath go over into the domain of the line, and start when nothing can stop them any more."""

from __future__ import annotations

from typing import Any

from amaranth import DomainRenamer, Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..stream import Skid
from .beats import Scatter, beat_layout
from .crossing import FastFifo
from .symbols import octet_layout
from .whole_frames import WholeFrames


class TransmitQueue(wiring.Component):
    """``input``: stream of `beats.beat_layout` in domain ``sync``; ``output``: stream of `symbols.octet_layout` in
    domain ``tx``. ``width``: bytes a beat, ``depth``: beats, a power of two; ``side``: bits beside each. When a frame
    starts, `WholeFrames` says.

    The block memory is on the side of ``sync``, whose clock has to bring ``width`` bytes in less time than the line
    takes them: then a frame that began does not wait for this queue. A clock of 125 MHz has no time for block memories:
    5.6 ns of its 8 are over (ECP5, grade 6) when their data come out.
    """

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
        m.submodules.whole = whole = WholeFrames(layout, self._depth)
        m.submodules.crossing = crossing = FastFifo(layout, "sync", "tx")
        # Between the skids is only which byte comes next: neither the FIFO's pointers nor the transmitter.
        before, scatter = Skid(layout), Scatter(self._width, self._side)
        after = Skid(octet_layout(self._side))
        m.submodules.before, m.submodules.scatter, m.submodules.after = tx(before), tx(scatter), tx(after)
        wiring.connect(m, wiring.flipped(self.input), whole.input)
        m.d.comb += [
            crossing.data.eq(whole.output.payload),
            crossing.write.eq(whole.output.valid & crossing.room),
            whole.output.ready.eq(crossing.room),
        ]
        wiring.connect(m, crossing.output, before.input)
        wiring.connect(m, before.output, scatter.input)
        wiring.connect(m, scatter.output, after.input)
        wiring.connect(m, after.output, wiring.flipped(self.output))
        return m
