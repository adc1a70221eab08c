"""From the events of one frame, which leave the pipeline together, to a stream with one event after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .frame_store import read_kind
from .helpers.events import TAIL, event_bytes
from .maps.unit import SiteSignature

SITE_BITS, FRAME_BITS = 16, 32

TAIL_NAMES = ("size", "place", "offset")


@dataclass(frozen=True, slots=True)
class EventShape:
    """The events of one call: ``bits`` of values, and whether a ``tail`` from the frame store follows them."""

    bits: int
    tail: bool = False


def data_bytes(events: Sequence[EventShape], width: int) -> int:
    """Bytes of a beat of events, whose values all come in one; ``width``: those of a beat of the frame."""
    return max(event_bytes([event.bits for event in events]), width if any(event.tail for event in events) else 0)


def event_layout(events: Sequence[EventShape], width: int) -> data.StructLayout:
    """A beat: which call made the event, for which frame (counted from 0), and its values, the first in the lowest
    bits. An event with a tail goes on in beats of the frame. ``last``: it ends with this beat."""
    return data.StructLayout({
        "site": SITE_BITS,
        "frame": FRAME_BITS,
        "last": 1,
        "data": 8 * data_bytes(events, width),
    })


class EventStream(wiring.Component):
    """``events``: those that a frame can have. ``width``: bytes a beat of the frame.

    ``events[k]`` In: bit 0 says that it happens, the values are behind; valid with ``frame_valid`` In, which stays up
    until the frame is ``taken`` In. ``done`` Out: nothing is left to tell, the frame may be taken. ``output`` Out
    stream, in the order of frames and of ``events``: an event a cycle, so frames with one event or none do not wait;
    a tail takes two cycles more than it has beats. ``fetch``, there if events have tails: a read port of the frame
    store, which keeps the frame until it is taken.
    """

    def __init__(self, events: Sequence[EventShape], width: int) -> None:
        self._width = width
        self._tails = [k for k, event in enumerate(events) if event.tail]
        super().__init__({
            "frame_valid": In(1),
            "taken": In(1),
            "done": Out(1),
            "output": Out(stream.Signature(event_layout(events, width))),
            **({"fetch": In(SiteSignature(read_kind(width)))} if self._tails else {}),
            **{f"event{k}": In(1 + event.bits) for k, event in enumerate(events)},
        })
        self.events = [getattr(self, f"event{k}") for k in range(len(events))]

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
        ends = Signal(init=1)  # with this beat the event is told
        m.d.comb += [
            self.output.valid.eq(self.frame_valid & left.any()),
            payload.site.eq(site),
            payload.frame.eq(frame),
            payload.last.eq(ends),
            payload.data.eq(values),
            self.done.eq(~(left & ~Mux(self.output.ready & self.output.valid & ends, first, 0)).any()),
        ]
        if self._tails:
            self._tail(m, first, ends)
        with m.If(self.output.valid & self.output.ready & ends):
            m.d.sync += told.eq(told | first)
        with m.If(self.taken):
            m.d.sync += [told.eq(0), frame.eq(frame + 1)]
        return m

    def _tail(self, m: Module, first: Value, ends: Signal) -> None:
        """After the values of an event its bytes of the frame: fetched in two steps, each waits for the next one."""
        size, place, offset = (Signal(bits, name=name) for bits, name in zip(TAIL, TAIL_NAMES, strict=True))
        for k in self._tails:
            with m.If(first[k]):
                m.d.comb += Cat(size, place, offset).eq(self.events[k][1:])
        taken = self.output.valid & self.output.ready
        inside = Signal()  # the values of this event are told
        fetched, shown = Signal.like(size), Signal.like(size)  # bytes so far
        addressed, there = Signal(), Signal()
        advance, ask = Signal(), Signal()
        m.d.comb += [
            advance.eq(~there | taken),
            ask.eq(inside & (fetched < size) & (~addressed | advance)),
            self.fetch.valid.eq(Cat(ask, addressed, there)),
            self.fetch.enable.eq(Cat(ask, advance, taken)),
            self.fetch.operands.place.eq(place),
            self.fetch.operands.offset.eq(offset + fetched),
        ]
        with m.If(advance):
            m.d.sync += there.eq(addressed)
        with m.If(ask | advance):
            m.d.sync += addressed.eq(ask)
        with m.If(ask):
            m.d.sync += fetched.eq(fetched + self._width)
        with m.If(inside):
            m.d.comb += [
                self.output.valid.eq(there),
                self.output.payload.data.eq(self.fetch.results.data),
                ends.eq(shown + self._width >= size),
            ]
            with m.If(taken):
                m.d.sync += [shown.eq(shown + self._width), inside.eq(~ends)]
        with m.Else():
            m.d.comb += ends.eq(size == 0)
            m.d.sync += [fetched.eq(0), shown.eq(0), inside.eq(taken & ~ends)]
