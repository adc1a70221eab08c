"""From the events of one frame, which leave the pipeline together, to a stream with one event after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .helpers.events import event_bytes

SITE_BITS, FRAME_BITS = 16, 32


def event_layout(widths: Sequence[int]) -> data.StructLayout:
    """An event: which call made it, for which frame (counted from 0), and its values, the first in the lowest bits."""
    return data.StructLayout({"site": SITE_BITS, "frame": FRAME_BITS, "data": 8 * event_bytes(widths)})


class EventStream(wiring.Component):
    """``widths``: bits of the values of each event that a frame can have.

    ``events[k]`` In: bit 0 says that it happens, the values are behind; valid with ``frame_valid`` In, which stays up
    until the frame is ``taken`` In. ``done`` Out: nothing is left to tell, the frame may be taken. ``output`` Out
    stream, in the order of frames and of ``events``: an event a cycle, so frames with one event or none do not wait.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = tuple(widths)
        super().__init__({
            "frame_valid": In(1),
            "taken": In(1),
            "done": Out(1),
            "output": Out(stream.Signature(event_layout(widths))),
            **{f"event{k}": In(1 + width) for k, width in enumerate(widths)},
        })
        self.events = [getattr(self, f"event{k}") for k in range(len(widths))]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        told, frame = Signal(len(self.events)), Signal(FRAME_BITS)
        left = Signal(len(self.events))
        m.d.comb += left.eq(Cat(event[0] for event in self.events) & ~told)
        first = left & -left
        payload, values = self.output.payload, Value.cast(0)
        site = Value.cast(0)
        for k, event in reversed(list(enumerate(self.events))):
            values = Mux(left[k], event[1:], values)
            site = Mux(left[k], k, site)
        m.d.comb += [
            self.output.valid.eq(self.frame_valid & left.any()),
            payload.site.eq(site),
            payload.frame.eq(frame),
            payload.data.eq(values),
            self.done.eq(~(left & ~Mux(self.output.ready, first, 0)).any()),
        ]
        with m.If(self.output.valid & self.output.ready):
            m.d.sync += told.eq(told | first)
        with m.If(self.taken):
            m.d.sync += [told.eq(0), frame.eq(frame + 1)]
        return m
