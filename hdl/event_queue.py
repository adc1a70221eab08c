"""Events that wait in the device until the host fetches them over the control bus."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFOBuffered
from amaranth.lib.wiring import In, Out

from .events import EventShape, event_layout


def longest_event(events: Sequence[EventShape], width: int, max_frame: int) -> int:
    """Beats of the longest event."""
    return 1 + (-(-max_frame // width) if any(event.tail for event in events) else 0)


class EventQueue(wiring.Component):
    """A queue of ``depth`` beats of ``events``, at least one event of any size.

    ``input`` In stream. ``output`` Out stream: its payload is the oldest beat. ``level`` Out: beats in it. ``lose`` In:
    what does not fit is lost, event by event; otherwise it waits. ``lost`` Out: an event is, for one cycle.
    """

    def __init__(self, events: Sequence[EventShape], width: int, max_frame: int, depth: int) -> None:
        self._longest = longest_event(events, width, max_frame)
        self.depth = max(depth, 2 * self._longest)
        self._layout = event_layout(events, width)
        super().__init__({
            "input": In(stream.Signature(self._layout)),
            "output": Out(stream.Signature(self._layout)),
            "level": Out(range(self.depth + 1)),
            "lose": In(1),
            "lost": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.fifo = fifo = SyncFIFOBuffered(width=self._layout.size, depth=self.depth)
        begins, losing, lose = Signal(init=1), Signal(), Signal()
        taken = self.input.valid & self.input.ready
        m.d.comb += [
            # An event for which there is room at its first beat has room for all: nothing else comes in between.
            lose.eq(Mux(begins, self.lose & (fifo.level > self.depth - self._longest), losing)),
            self.input.ready.eq(fifo.w_rdy | lose),
            fifo.w_data.eq(self.input.payload),
            fifo.w_en.eq(self.input.valid & ~lose),
            self.output.payload.eq(fifo.r_data),
            self.output.valid.eq(fifo.r_rdy),
            fifo.r_en.eq(self.output.ready),
            self.level.eq(fifo.level),
            self.lost.eq(taken & begins & lose),
        ]
        with m.If(taken):
            m.d.sync += [begins.eq(self.input.payload.last), losing.eq(lose)]
        return m
