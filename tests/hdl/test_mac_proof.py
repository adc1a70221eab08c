"""What of the MAC is proved for all inputs, by the SAT solver inside Yosys, from reset on over a number of steps.

Where there are two clocks, both become enables of one, chosen freely in each step.
"""

from __future__ import annotations

import pytest
from amaranth import Cat, DomainRenamer, EnableInserter, Module, Mux, Signal
from amaranth.hdl import Fragment
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from doubtful import doubtful
from hardpath.hdl.mac.crossing import EventCrossing, FastFifo
from hardpath.hdl.mac.whole_frames import WholeFrames
from proofs import PROVED, REFUTED, prove

BITS = 2
STEPS = 12


def two_clocks(component, first: tuple[str, Signal], second: tuple[str, Signal]):
    """Both domains in ``sync``, which moves each only where its signal is high."""
    names = {first[0]: "sync", second[0]: "sync"}
    return DomainRenamer(names)(EnableInserter(dict((first, second)))(component))


class Crossing(wiring.Component):
    """``holds``: no event is told that has not happened, and when nothing happened while the other side saw four edges
    all are told. ``bound``: events between two edges of the other side, at most. ``doubtful``: bits that are sampled
    while they change may be seen as they were."""

    def __init__(self, bound: int, doubtful: bool) -> None:
        self._bound = bound
        self._doubtful = doubtful
        super().__init__({"event": In(1), "i_edge": In(1), "o_edge": In(1), "doubt": In(BITS), "holds": Out(1)})

    def elaborate(self, platform):
        m = Module()
        crossing = EventCrossing("from", "to", BITS)
        changed, doubt = Signal(), Signal(BITS)
        m.d.sync += changed.eq(self.i_edge)
        m.d.comb += doubt.eq(Mux(changed & self._doubtful, self.doubt, 0))
        with doubtful("hardpath.hdl.mac.crossing", {"to": ("from", doubt)}):
            inside = Fragment.get(crossing, platform)
        m.submodules.crossing = two_clocks(inside, ("from", self.i_edge), ("to", self.o_edge))
        waiting = Signal(4)  # events not told yet
        quiet = Signal(range(5))
        since = Signal(4)  # events since the last edge of the other side
        happens = Signal()
        told = Signal(BITS)
        m.d.comb += [
            happens.eq(self.event & self.i_edge & (since < self._bound)),
            crossing.event.eq(happens),
            told.eq(Mux(self.o_edge, crossing.amount, 0)),
        ]
        m.d.sync += [waiting.eq(waiting + happens - told), since.eq(Mux(self.o_edge, happens, since + happens))]
        with m.If(happens):
            m.d.sync += quiet.eq(0)
        with m.Elif(self.o_edge & (quiet != 4)):
            m.d.sync += quiet.eq(quiet + 1)
        m.d.comb += self.holds.eq((told <= waiting) & ((quiet != 4) | (waiting == 0)))
        return m


MOST = {True: 2**BITS - 2, False: 2**BITS - 1}
"""Events between two edges. An edge in doubt is as good as an earlier one, so one more may come before the next."""


@pytest.mark.parametrize("doubtful", MOST)
def test_events_are_told_once_each(doubtful, tmp_path):
    assert PROVED.format(STEPS) in prove(tmp_path, Crossing(MOST[doubtful], doubtful), STEPS)


@pytest.mark.parametrize("doubtful", MOST)
def test_too_many_events_at_once_are_not(doubtful, tmp_path):
    # Guards the test above: what cannot be true must not be proved.
    assert REFUTED in prove(tmp_path, Crossing(MOST[doubtful] + 1, doubtful), STEPS)


ITEMS = 8
MOMENTS = 14
"""Steps: for more items than fit to come in, or for one to go through and the edges in which it has to."""


class Fifo(wiring.Component):
    """A `FastFifo` whose writer goes on for up to ``allowed`` edges after there was room, in its own time, and whose
    reader takes what is there in its own. Each item holds its number. ``holds``: they come out in order, none twice,
    none lost, and all do when the reader saw six edges at which nothing came in."""

    def __init__(self, late: int, allowed: int, doubtful: bool) -> None:
        self._late = late
        self._allowed = allowed
        self._doubtful = doubtful
        super().__init__({
            "write": In(1), "ready": In(1), "i_edge": In(1), "o_edge": In(1), "doubt": In(2 * BITS), "holds": Out(1)
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        fifo = FastFifo(4, "from", "to", ITEMS, self._late)
        doubts = {}
        for given, edge, taken in (("from", self.i_edge, "to"), ("to", self.o_edge, "from")):
            changed, doubt = Signal(name=f"changed_{given}"), Signal(2 * BITS, name=f"doubt_{given}")
            m.d.sync += changed.eq(edge)
            m.d.comb += doubt.eq(Mux(changed & self._doubtful, self.doubt, 0))
            doubts[taken] = given, doubt
        with doubtful("hardpath.hdl.mac.crossing", doubts):
            inside = Fragment.get(fifo, platform)
        m.submodules.fifo = two_clocks(inside, ("from", self.i_edge), ("to", self.o_edge))
        rooms = [fifo.room]
        for i in range(self._allowed):
            rooms.append(Signal(name=f"room_{i}"))
            with m.If(self.i_edge):
                m.d.sync += rooms[-1].eq(rooms[-2])
        number, expected, quiet = Signal(4), Signal(4), Signal(range(7))
        came = self.write & self.i_edge & Cat(rooms).any()
        took = fifo.output.valid & self.ready & self.o_edge
        m.d.comb += [
            fifo.write.eq(came),
            fifo.data.eq(number),
            fifo.output.ready.eq(self.ready),
        ]
        m.d.sync += [number.eq(number + came), expected.eq(expected + took)]
        with m.If(came):
            m.d.sync += quiet.eq(0)
        with m.Elif(self.o_edge & (quiet != 6)):
            m.d.sync += quiet.eq(quiet + 1)
        there = number != expected
        right = there & (fifo.output.payload == expected)
        m.d.comb += self.holds.eq(Mux(fifo.output.valid, right, ~there | (quiet != 6)))
        return m


@pytest.mark.parametrize(("late", "doubtful"), [(0, True), (1, True), (1, False)])
def test_items_cross_in_order_and_all_of_them(late, doubtful, tmp_path):
    assert PROVED.format(MOMENTS) in prove(tmp_path, Fifo(late, late, doubtful), MOMENTS)


@pytest.mark.parametrize("late", [0, 1])
def test_writing_on_after_there_was_room_for_longer_than_allowed_loses_items(late, tmp_path):
    assert REFUTED in prove(tmp_path, Fifo(late, late + 1, doubtful=False), MOMENTS)


DEPTH = 4
BEAT = data.StructLayout({"number": 5, "last": 1})


class Queue(wiring.Component):
    """A queue whose writer offers frames of up to ``longest`` beats, in its own time, and whose reader takes them in
    its own. Each beat holds its number. ``holds``: what comes out is in order, with the ends where they were, and no
    beat of a frame lets the reader wait once the first was offered."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        super().__init__({"offer": In(1), "last": In(1), "ready": In(1), "holds": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.queue = queue = WholeFrames(BEAT, DEPTH)
        given, taken = queue.input, queue.output
        number, expected, ends = Signal(5), Signal(5), Signal(32)  # ends: by the number of the beat
        beats = Signal(range(self._longest + 1))
        inside = Signal()
        last = self.last | (beats == self._longest - 1)
        m.d.comb += [
            given.valid.eq(self.offer),
            given.payload.last.eq(last),
            given.payload.number.eq(number),
            taken.ready.eq(self.ready),
        ]
        with m.If(self.offer & given.ready):
            m.d.sync += [
                number.eq(number + 1),
                beats.eq(Mux(last, 0, beats + 1)),
                ends.bit_select(number, 1).eq(last),
            ]
        with m.If(taken.valid):
            m.d.sync += inside.eq(~(self.ready & taken.payload.last))
            with m.If(self.ready):
                m.d.sync += expected.eq(expected + 1)
        right = (taken.payload.number == expected) & (taken.payload.last == ends.bit_select(expected, 1))
        m.d.comb += self.holds.eq(Mux(taken.valid, right, ~inside))
        return m


def test_frames_that_fit_into_half_the_queue_never_lack_a_beat(tmp_path):
    assert PROVED.format(STEPS) in prove(tmp_path, Queue(DEPTH // 2), STEPS)


def test_a_longer_one_may_if_its_writer_stops(tmp_path):
    assert REFUTED in prove(tmp_path, Queue(DEPTH), STEPS)
