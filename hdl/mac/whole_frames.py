"""A queue that gives frames out when they are in, so that they leave without a pause."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from ..payload_fifo import PayloadFifo
from ..stream import Skid, Stage

_ON_THE_WAY = 2
"""Beats that may still come when there is no more room: what is known of the level is a cycle old."""


class WholeFrames(wiring.Component):
    """``input`` and ``output``: streams of ``shape``, which has a field ``last``. ``depth``: beats, a power of two from
    4 on. In domain ``sync``.

    The first beat of a frame is offered when its last one is in, or ``depth`` / 2 of them: then the frame never lacks a
    beat if those who write need no longer for the second half of any ``depth`` beats than those who read for the first.
    Frames of up to ``depth`` / 2 beats never do, however they are written.

    Made for fast clocks: nothing but a register comes behind the block memory, and no path goes through.
    """

    def __init__(self, shape: Any, depth: int) -> None:
        self._shape = shape
        self._depth = depth
        super().__init__({"input": In(stream.Signature(shape)), "output": Out(stream.Signature(shape))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        given = self.input
        m.submodules.fifo = fifo = PayloadFifo(Value.cast(given.payload).shape().width, self._depth)
        m.submodules.stage, m.submodules.skid = stage, skid = Stage(self._shape), Skid(self._shape)
        level = Signal(range(self._depth + 1))
        room = Signal(init=1)
        beats = Signal(range(self._depth // 2 + 1))  # of the frame that comes in, no further than half the queue
        last = fifo.write & given.payload.last
        m.d.comb += [
            given.ready.eq(room),
            fifo.write_data.eq(given.payload),
            fifo.write.eq(given.valid & room),
            fifo.commit.eq(last | (beats == self._depth // 2)),
            stage.input.payload.eq(fifo.output.payload),
            stage.input.valid.eq(fifo.output.valid),
            fifo.output.ready.eq(stage.input.ready),
        ]
        m.d.sync += [
            level.eq(level + fifo.write - (fifo.output.valid & fifo.output.ready)),
            room.eq(level < self._depth - _ON_THE_WAY),
        ]
        with m.If(last):
            m.d.sync += beats.eq(0)
        with m.Elif(fifo.write & (beats != self._depth // 2)):
            m.d.sync += beats.eq(beats + 1)
        wiring.connect(m, stage.output, skid.input)
        wiring.connect(m, skid.output, wiring.flipped(self.output))
        return m
