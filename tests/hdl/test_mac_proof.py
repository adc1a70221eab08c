"""What of the MAC is proved for all inputs, however the edges of its two clocks fall: by the SAT solver inside Yosys.

Both clocks become enables of one, chosen freely in each step. The proofs of the queue begin at reset and go over a
number of steps.
"""

from __future__ import annotations

from amaranth import DomainRenamer, EnableInserter, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from hardpath.hdl.mac.crossing import EventCrossing
from hardpath.hdl.mac.transmit_queue import TransmitQueue
from proofs import PROVED, REFUTED, prove

BITS = 2
STEPS = 12


def two_clocks(component, first: tuple[str, Signal], second: tuple[str, Signal]):
    """Both domains in ``sync``, which moves each only where its signal is high."""
    names = {first[0]: "sync", second[0]: "sync"}
    return DomainRenamer(names)(EnableInserter(dict((first, second)))(component))


class Crossing(wiring.Component):
    """``holds``: no event is told that has not happened, and when nothing happened while the other side saw four edges
    all are told. ``bound``: events between two edges of the other side, at most."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        super().__init__({"event": In(1), "i_edge": In(1), "o_edge": In(1), "holds": Out(1)})

    def elaborate(self, platform):
        m = Module()
        crossing = EventCrossing("from", "to", BITS)
        m.submodules.crossing = two_clocks(crossing, ("from", self.i_edge), ("to", self.o_edge))
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


def test_events_are_told_once_each(tmp_path):
    assert PROVED.format(STEPS) in prove(tmp_path, Crossing(2**BITS - 1), STEPS)


def test_too_many_events_at_once_are_not(tmp_path):
    # Guards the test above: what cannot be true must not be proved.
    assert REFUTED in prove(tmp_path, Crossing(2**BITS), STEPS)


WIDTH, DEPTH = 2, 4


class Queue(wiring.Component):
    """A queue whose writer offers frames of up to ``longest`` beats, in its own time, and whose reader takes bytes in
    its own. Each byte holds its number and whether it is the last of its frame. ``holds``: what comes out is in order
    and whole, and no byte of a frame lets the reader wait once the first was offered."""

    def __init__(self, longest: int) -> None:
        self._longest = longest
        super().__init__({
            **{name: In(1) for name in ("w_edge", "r_edge", "offer", "last", "ready")},
            "extra": In(1),
            "holds": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        queue = TransmitQueue(WIDTH, DEPTH)
        two = two_clocks(queue, ("sync", self.w_edge), ("tx", self.r_edge))
        m.submodules.queue = two
        beat, octet = queue.input.payload, queue.output.payload
        number, expected = Signal(6), Signal(6)
        beats = Signal(range(self._longest + 1))
        inside = Signal()
        last, extra = self.last | (beats == self._longest - 1), Mux(beat.last, self.extra, 1)
        m.d.comb += [
            queue.input.valid.eq(self.offer),
            beat.last.eq(last),
            beat.extra.eq(extra),
            beat.data[:6].eq(number),
            beat.data[7].eq(last & ~extra),
            beat.data[8:14].eq(number + 1),
            beat.data[15].eq(last),
            queue.output.ready.eq(self.ready),
        ]
        with m.If(self.w_edge & self.offer & queue.input.ready):
            m.d.sync += [number.eq(number + 1 + extra), beats.eq(Mux(last, 0, beats + 1))]
        with m.If(self.r_edge & queue.output.valid):
            m.d.sync += inside.eq(~(self.ready & octet.last))
            with m.If(self.ready):
                m.d.sync += expected.eq(expected + 1)
        m.d.comb += self.holds.eq(
            Mux(queue.output.valid, (octet.data[:6] == expected) & (octet.data[7] == octet.last), ~inside)
        )
        return m


def test_frames_that_fit_into_half_the_queue_never_lack_a_byte(tmp_path):
    assert PROVED.format(STEPS) in prove(tmp_path, Queue(DEPTH // 2), STEPS)


def test_a_longer_one_may_if_its_writer_stops(tmp_path):
    assert REFUTED in prove(tmp_path, Queue(DEPTH), STEPS)
