"""Received bytes go over into the domain of the datapath."""

from __future__ import annotations

from typing import Any

from amaranth import DomainRenamer, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .beats import Gather, beat_layout
from .crossing import FastFifo
from .symbols import OCTET
from .whole_frames import WholeFrames


class ReceiveQueue(wiring.Component):
    """``input`` In(OCTET) in cycles with ``valid``, in domain ``rx``; ``output``: stream of `beats.beat_layout` in
    domain ``sync``. ``width``: bytes a beat, ``depth``: beats, a power of two.

    Frames come out whole (`WholeFrames`), so that who takes them in turns from several lines loses no time on any.

    A frame that does not fit loses its rest, what is in already ends with ``error``; ``lost`` (domain ``rx``) is high
    for a cycle for each such frame. Frames that come before that end is in are lost without a trace in ``output``.

    ``side`` In, of ``side`` bits: goes with the beats that end before it changes.
    """

    def __init__(self, width: int, depth: int, side: int = 0) -> None:
        self._width = width
        self._depth = depth
        self._side = side
        super().__init__({
            "input": In(OCTET),
            "valid": In(1),
            "side": In(side),
            "lost": Out(1),
            "output": Out(stream.Signature(beat_layout(width, side))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        gather = Gather(self._width)
        layout = beat_layout(self._width, self._side)
        fifo = FastFifo(layout, "rx", "sync", late=1)
        m.submodules.whole = whole = WholeFrames(layout, self._depth)
        m.submodules.gather = DomainRenamer("rx")(gather)
        m.submodules.fifo = fifo
        beat = Signal(layout)
        m.d.comb += [
            gather.input.eq(self.input),
            gather.valid.eq(self.valid),
            *(beat[name].eq(gather.beat[name]) for name in ("data", "extra", "last", "error")),
            beat.side.eq(self.side),
        ]

        losing = Signal()  # the frame that comes in has lost a beat
        owing = Signal()  # the end of a frame that lost a beat is not in yet
        end = Signal(layout)
        m.d.comb += [end.last.eq(1), end.error.eq(1)]
        with m.If(owing):
            m.d.rx += [fifo.write.eq(fifo.room), fifo.data.eq(end)]
            with m.If(fifo.room):
                m.d.rx += owing.eq(0)
        with m.Else():
            m.d.rx += [fifo.write.eq(gather.full & ~losing & fifo.room), fifo.data.eq(beat)]
        with m.If(gather.full):
            m.d.rx += losing.eq(~beat.last & (losing | owing | ~fifo.room))
            m.d.comb += self.lost.eq(beat.last & (losing | owing | ~fifo.room))
            with m.If(~losing & ~owing & ~fifo.room):
                m.d.rx += owing.eq(1)

        wiring.connect(m, fifo.output, whole.input)
        wiring.connect(m, whole.output, wiring.flipped(self.output))
        return m
