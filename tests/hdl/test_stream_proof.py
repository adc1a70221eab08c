"""Parts that frames go through, for all inputs: valid holds until ready, nothing is lost, doubled or reordered, and
interlocks make frames do what they would do one after the other. For ever, or from reset over a number of steps."""

from __future__ import annotations

from itertools import combinations

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from hardpath.hdl.ingress import Ingress
from hardpath.hdl.interlock import Interlock
from hardpath.hdl.mac.whole_frames import WholeFrames
from hardpath.hdl.stream import Skid, Stage
from proofs import FOR_EVER, PROVED, REFUTED, prove, prove_for_ever

BITS = 3
QUIET = 4
BEAT = data.StructLayout({"number": BITS, "last": 1})


class InOrder(wiring.Component):
    """``part`` from ``input`` to ``output`` (streams of BEAT). ``offer``, ``last``, ``ready``: what those around it do.
    ``holds``: beats come out in the order in which they went in, none twice, none that was not given, each the same as
    long as it is not taken. ``most``: more than that are never inside. ``frames``: they are of one or two beats, within
    one there is no pause, and a whole one is offered `QUIET` cycles after its last beat came in. ``count``: a function
    that tells from the sides of the part how many are inside; the second of two is then ``spare``, where the part has a
    register for it."""

    def __init__(self, part, most, frames=False, count=None):
        self._part, self._most, self._frames, self._count = part, most, frames, count
        super().__init__({"offer": In(1), "last": In(1), "ready": In(1), "spare": Out(BEAT), "holds": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.part = part = self._part
        given, out = part.input, part.output
        sent, expected, lasts = Signal(BITS), Signal(BITS), Array(Signal(name=f"last_{i}") for i in range(1 << BITS))
        waiting, before, inside = Signal(), Signal(BEAT), Signal()
        last = self.last | given.payload.number[0] if self._frames else self.last
        m.d.comb += [given.valid.eq(self.offer), given.payload.number.eq(sent), given.payload.last.eq(last)]
        m.d.comb += out.ready.eq(self.ready)
        with m.If(given.valid & given.ready):
            m.d.sync += [sent.eq(sent + 1), lasts[sent].eq(last)]
        with m.If(out.valid & out.ready):
            m.d.sync += [expected.eq(expected + 1), inside.eq(~out.payload.last)]
        m.d.sync += [waiting.eq(out.valid & ~out.ready), before.eq(out.payload)]
        within = (sent - expected)[:BITS]
        claims = [
            ~out.valid | ((out.payload.number == expected) & (out.payload.last == lasts[expected]) & (within != 0)),
            ~waiting | (out.valid & (out.payload.as_value() == before.as_value())),
            within <= self._most,
        ]
        if self._frames:
            whole, quiet = Signal(), Signal(range(QUIET + 1))
            with m.If(given.valid & given.ready):
                m.d.sync += [whole.eq(last), quiet.eq(0)]
            with m.Elif(quiet != QUIET):
                m.d.sync += quiet.eq(quiet + 1)
            claims += [~inside | out.valid, ~whole | (quiet != QUIET) | (out.valid == (within != 0))]
        if self._count is not None:
            second, spare = (expected + 1)[:BITS], self.spare
            with m.If(out.valid & ~out.ready & given.ready):
                m.d.sync += spare.eq(given.payload)
            claims += [
                within == self._count(given, out),
                (within != 2) | ((spare.number == second) & (spare.last == lasts[second])),
            ]
        m.d.comb += self.holds.eq(Cat(*claims).all())
        return m


def test_a_register_keeps_order_for_ever(tmp_path):
    assert FOR_EVER in prove_for_ever(tmp_path, InOrder(Stage(BEAT), 1, count=lambda given, out: out.valid))


def test_two_registers_do_for_ever(tmp_path):
    claims = InOrder(Skid(BEAT), 2, count=lambda given, out: out.valid + ~given.ready)
    assert FOR_EVER in prove_for_ever(tmp_path, claims, {"part.spare": "spare"})


def test_one_register_does_not_hold_two(tmp_path):
    assert REFUTED in prove(tmp_path, InOrder(Skid(BEAT), 1), 14)


class Frames(wiring.Component):
    """`Ingress` for frames of whole beats, each with the frame's number and its own in its first byte. ``holds``: what
    was good comes out once, in order, with its first beat and its length, in the cycle behind its last beat, and the
    others go to the payload; of what was bad nothing is kept."""

    WIDTH, BEATS = 8, 3

    def __init__(self, lenient=False):
        self._lenient = lenient
        inputs = {name: In(1) for name in ("offer", "last", "error", "full", "ready")}
        super().__init__({**inputs, "count": Out(range(self.BEATS + 1)), "torn": Out(1), "holds": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.ingress = ingress = Ingress(self.WIDTH, self.WIDTH, self.WIDTH * self.BEATS)
        rx, out = ingress.rx, ingress.output
        number, beats, pending = Signal(3), Signal(3), Signal()
        their_number, their_beats = Signal(3), Signal(3)
        taken = rx.valid & rx.ready
        m.d.comb += [
            rx.valid.eq(self.offer),
            rx.payload.data.eq(Cat(number, beats)),
            rx.payload.keep.eq((1 << self.WIDTH) - 1),
            rx.payload.last.eq(self.last | (beats == 6)),
            rx.payload.error.eq(self.error),
            ingress.payload_full.eq(self.full),
            out.ready.eq(self.ready),
        ]
        ends = taken & rx.payload.last
        good = ends & (beats < self.BEATS) & (beats > 0) & (~self.error | self._lenient)
        with m.If(taken):
            m.d.sync += beats.eq(Mux(rx.payload.last, 0, beats + 1))
        with m.If(ends):
            m.d.sync += number.eq(number + 1)
        with m.If(good):
            m.d.sync += [pending.eq(1), their_number.eq(number), their_beats.eq(beats + 1)]
        with m.Elif(out.ready):
            m.d.sync += pending.eq(0)
        m.d.comb += self.holds.eq(
            (out.valid == pending)
            & (~pending | (out.payload.window[:8] == their_number))
            & (~pending | (out.payload.length == their_beats * self.WIDTH))
            & (~pending | (ingress.receipt.beats == their_beats - 1))
            & (ingress.payload_commit == ends)
            & (ingress.payload_rollback == (ends & ~good))
            & ~(ingress.payload_write & self.full)
            & (ingress.payload_write == (taken & (beats > 0) & (beats < self.BEATS)))
            & (~ingress.payload_write | (ingress.payload_data == Cat(number, beats)))
            # what the induction needs besides; every beat is whole, so none is torn
            & (beats <= 6)
            & ((beats == 0) | (out.payload.window[:8] == number))
            & ((beats == 0) | ~pending)
        )
        m.d.comb += self.count.eq(Mux(beats < self.BEATS, beats, self.BEATS))
        return m


def test_good_frames_come_out_of_ingress_once_and_in_order_for_ever(tmp_path):
    state = {"ingress.count": "count", "ingress.torn": "torn"}
    assert FOR_EVER in prove_for_ever(tmp_path, Frames(), state)


def test_bad_ones_do_not(tmp_path):
    assert REFUTED in prove(tmp_path, Frames(lenient=True), 6)


class Counting(wiring.Component):
    """Frames that count at one of two places: read in stage 0, written ``STAGES`` stages later, with an `Interlock` in
    between. ``holds``: each reads what all before it, one after the other, have left there. ``window``: stages that the
    interlock looks at."""

    STAGES, BITS = 3, 3

    def __init__(self, window=STAGES):
        self._window = window
        super().__init__({"offer": In(1), "place": In(1), "blocked": In(1), "holds": Out(1)})

    def elaborate(self, platform):
        m = Module()
        places = Array(Signal(self.BITS, name=f"place_{i}") for i in range(2))
        one_by_one = Array(Signal(self.BITS, name=f"model_{i}") for i in range(2))
        m.submodules.interlock = interlock = Interlock(1, [True] * self._window)
        valid = [Signal(name=f"valid_{k}") for k in range(self.STAGES + 1)]
        place = [Signal(name=f"at_{k}") for k in range(self.STAGES + 1)]
        value = [Signal(self.BITS, name=f"value_{k}") for k in range(self.STAGES + 1)]
        m.d.comb += [interlock.active.eq(valid[0]), interlock.tag.eq(place[0])]
        for j in range(self._window):
            m.d.comb += [interlock.older_active[j].eq(valid[j + 1]), interlock.older_tag[j].eq(place[j + 1])]
        leaves = valid[0] & ~interlock.conflict & ~self.blocked
        read = places[place[0]]
        with m.If(~self.blocked):
            for k in range(1, self.STAGES + 1):
                m.d.sync += [
                    valid[k].eq(leaves if k == 1 else valid[k - 1]),
                    place[k].eq(place[k - 1]),
                    value[k].eq(read + 1 if k == 1 else value[k - 1]),
                ]
            with m.If(valid[-1]):
                m.d.sync += places[place[-1]].eq(value[-1])
        with m.If(leaves):
            m.d.sync += one_by_one[place[0]].eq(one_by_one[place[0]] + 1)
        with m.If(leaves | ~valid[0]):
            m.d.sync += [valid[0].eq(self.offer), place[0].eq(self.place)]
        # No two frames with one place are on their way; one has what its place gets; a place without has it already.
        on_the_way = [[valid[k] & (place[k] == p) for k in range(1, self.STAGES + 1)] for p in range(2)]
        claims = [~leaves | (read == one_by_one[place[0]])]
        for p, there in enumerate(on_the_way):
            claims += [~(older & younger) for older, younger in combinations(there, 2)]
            claims += [~frame | (value[k] == one_by_one[p]) for k, frame in enumerate(there, 1)]
            claims.append(Cat(*there).any() | (places[p] == one_by_one[p]))
        m.d.comb += self.holds.eq(Cat(*claims).all())
        return m


def test_frames_behind_an_interlock_do_for_ever_what_they_do_one_after_the_other(tmp_path):
    assert FOR_EVER in prove_for_ever(tmp_path, Counting())


def test_an_interlock_that_looks_at_too_few_stages_is_none(tmp_path):
    assert REFUTED in prove(tmp_path, Counting(Counting.STAGES - 1), 14)


def test_whole_frames_leave_without_a_pause(tmp_path):
    assert PROVED.format(12) in prove(tmp_path, InOrder(WholeFrames(BEAT, 4), 7, frames=True), 12)
