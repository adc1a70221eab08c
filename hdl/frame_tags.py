"""What goes past the program with a frame."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out


class FrameTags(wiring.Component):
    """``width`` bits that come with a frame's first beat and come back with the beats that it has in the end.

    ``taken``: a beat of input is taken, ``last`` of its frame or not; ``given``: the tag, valid with the first.
    ``handed``: the frame that came last goes to the program; only when there is ``room``. ``left``: the oldest frame
    that was handed on leaves, sent or not. ``tag``: that frame's. Up to ``depth`` frames are on their way.
    """

    def __init__(self, width: int, depth: int) -> None:
        self._width, self._depth = width, depth
        super().__init__({
            "given": In(width),
            "taken": In(1),
            "last": In(1),
            "handed": In(1),
            "room": Out(1),
            "left": In(1),
            "tag": Out(width),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.queue = queue = SyncFIFO(width=self._width, depth=self._depth)
        inside = Signal()
        newest = Signal(self._width)
        with m.If(self.taken):
            m.d.sync += inside.eq(~self.last)
            with m.If(~inside):
                m.d.sync += newest.eq(self.given)
        m.d.comb += [
            queue.w_data.eq(newest),
            queue.w_en.eq(self.handed),
            self.room.eq(queue.w_rdy),
            queue.r_en.eq(self.left),
            self.tag.eq(queue.r_data),
        ]
        return m
