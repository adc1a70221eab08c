"""Egress alone: every outcome a program can have, against bytes computed in Python."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest
from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator
from hardpath.hdl.egress import Egress
from hardpath.hdl.stream import outcome_layout
from hardpath.hdl.verdicts import BROADCAST, XDP_PASS
from hardpath.hdl.window_queue import OVERHEAD, WindowQueue
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

PASS, TX = 2, 3


@dataclass(frozen=True)
class Frame:
    """An outcome with the payload that waits for it. ``payload`` is zero-filled to whole beats."""

    verdict: int
    start: int
    length: int
    limit: int
    window: bytes
    payload: bytes
    redirect: int = 0

    @property
    def sent(self) -> bool:
        return XDP_PASS <= self.verdict <= BROADCAST

    def expected(self) -> bytes:
        source = bytearray(self.window + self.payload)
        cut = max(self.limit, len(self.window))
        source[cut:] = bytes(len(source[cut:]))
        return bytes(source[self.start : self.start + self.length]).ljust(self.length, b"\0")


class QueuedEgress(wiring.Component):
    """Egress behind a queue of windows: the same from outside."""

    def __init__(self, width, window, headroom, *rest, depth=3, **options):
        self.egress = Egress(width, window, headroom, *rest, **options, queued=True)
        self.queue = WindowQueue(self.egress.window_words, depth)
        self.width, self.start, self.tail_fixed = width, self.egress.start, self.egress.tail_fixed
        members = {name: self.egress.signature.members[name] for name in ("receipt", "payload", "output")}
        super().__init__({"outcome": In(stream.Signature(outcome_layout(window, headroom))), **members})

    def elaborate(self, platform):
        m = Module()
        m.submodules.egress, m.submodules.queue = self.egress, self.queue
        wiring.connect(m, wiring.flipped(self.outcome), self.queue.input)
        wiring.connect(m, self.queue.output, self.egress.outcome)
        wiring.connect(m, self.queue.words, self.egress.words)
        for name in ("receipt", "payload", "output"):
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(self.egress, name))
        return m


def run(
    egress: Egress | QueuedEgress,
    frames: list[Frame],
    rng: random.Random,
    pace: float = 1.0,
    ready: float = 1.0,
    watch=None,
):
    """For each frame (verdict, redirect, length, bytes) or the verdict if not sent; cycles of the last beats."""
    width = egress.width
    beats = [[f.payload[i : i + width] for i in range(0, len(f.payload), width)] for f in frames]
    sent, ends = [], []

    async def put(ctx, stream, items):
        for item in items:
            while rng.random() >= pace:
                await ctx.tick()
            ctx.set(stream.payload, item)
            ctx.set(stream.valid, 1)
            for _ in range(5000):
                *_, taken = await ctx.tick().sample(stream.ready)
                if taken:
                    break
            else:
                raise AssertionError("egress stands still")
            ctx.set(stream.valid, 0)

    async def outcomes(ctx):
        await put(ctx, egress.outcome, [
            {
                "verdict": f.verdict,
                "redirect": f.redirect,
                "start": f.start,
                "length": f.length,
                "limit": f.limit,
                "window": int.from_bytes(f.window, "little"),
            }
            for f in frames
        ])

    async def receipts(ctx):
        await put(ctx, egress.receipt, [{"beats": len(b), "stamp": i} for i, b in enumerate(beats)])

    async def payload(ctx):
        await put(ctx, egress.payload, [int.from_bytes(b, "little") for frame in beats for b in frame])

    async def collect(ctx):
        out = egress.output
        data = bytearray()
        begins = True
        for cycle in range(200 * len(frames) * 40):
            ctx.set(out.ready, rng.random() < ready)
            *_, valid, go, beat = await ctx.tick().sample(out.valid, out.ready, out.payload)
            if not (valid and go):
                continue
            side = beat.side
            assert side.stamp == len(ends)
            if side.send:
                assert side.first == begins
                count = side.keep.bit_count()
                assert side.keep == (1 << count) - 1 and count > 0
                assert side.last or count == width
                data += (beat.data & ((1 << (8 * count)) - 1)).to_bytes(count, "little")
            begins = bool(side.last)
            if side.last:
                record = (side.verdict, side.redirect, side.length, bytes(data))
                sent.append(record if side.send else side.verdict)
                ends.append(cycle)
                data = bytearray()
                if len(ends) == len(frames):
                    return
        raise AssertionError("egress does not finish")

    simulator = Simulator(egress)
    simulator.add_clock(1e-6)
    simulator.add_testbench(outcomes)
    simulator.add_testbench(receipts)
    simulator.add_testbench(payload)
    simulator.add_testbench(collect)
    if watch is not None:
        simulator.add_testbench(watch, background=True)
    simulator.run()
    return sent, ends


def check(
    egress: Egress | QueuedEgress,
    frames: list[Frame],
    rng: random.Random,
    pace: float = 1.0,
    ready: float = 1.0,
    watch=None,
):
    sent, ends = run(egress, frames, rng, pace, ready, watch)
    for got, frame in zip(sent, frames, strict=True):
        if frame.sent:
            assert got == (frame.verdict, frame.redirect, frame.length, frame.expected())
        else:
            assert got == (1 if frame.verdict == 1 else 0)
    return ends


def random_frame(rng: random.Random, egress: Egress, window: int, headroom: int) -> Frame:
    """Any outcome that a program could have for a frame of any length."""
    width = egress.width
    payload = rng.randbytes(rng.choice([0, 0, rng.randint(0, 6 * width)]))
    whole = payload.ljust(-(-len(payload) // width) * width, b"\0")
    end = headroom + window + len(payload)
    start = egress.start
    if start is None:
        anywhere = rng.randint(0, end + 3 * width)
        start = rng.choice([0, headroom, rng.randint(0, headroom + window), anywhere])
    length = rng.choice([max(14, end - start), rng.randint(14, 7 * width + 14), rng.randint(14, 7 * width + 14)])
    limit = 65535 if egress.tail_fixed else rng.choice([65535, end, rng.randint(headroom, end + width)])
    bytes_in_front = rng.randbytes(headroom + window)
    return Frame(rng.randint(0, 7), start, length, limit, bytes_in_front, whole, rng.getrandbits(32))


SHAPES = [  # width, window, headroom, start, tail_fixed
    (8, 16, 0, 0, False),
    (16, 16, 32, None, False),
    (16, 32, 7, None, False),
    (32, 32, 20, 20, False),
    (64, 64, 0, 0, True),
    (64, 64, 4, None, True),
    (64, 128, 256, None, False),
    (128, 128, 3, None, False),
]


@pytest.mark.parametrize("kind", [Egress, QueuedEgress])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@given(seed=st.integers(0, 2**32), pace=st.sampled_from([1.0, 0.6]), ready=st.sampled_from([1.0, 0.5]))
@settings(max_examples=4, deadline=None, phases=[Phase.generate])
def test_sent_bytes_are_what_the_outcome_says(kind, shape, seed, pace, ready):
    width, window, headroom, start, tail_fixed = shape
    egress = kind(width, window, headroom, 6, 32, start=start, tail_fixed=tail_fixed)
    rng = random.Random(seed)
    frames = [random_frame(rng, egress, window, headroom) for _ in range(30)]
    check(egress, frames, rng, pace, ready)


def frame_of(size: int, window: int, headroom: int, width: int, rng: random.Random) -> Frame:
    """A frame of ``size`` bytes that is sent as it was received."""
    payload = rng.randbytes(max(0, size - window))
    whole = payload.ljust(-(-len(payload) // width) * width, b"\0")
    return Frame(PASS, headroom, size, 65535, rng.randbytes(headroom + window), whole)


@pytest.mark.parametrize(("headroom", "start"), [(0, 0), (4, None), (64, None), (100, None)])
@pytest.mark.parametrize("size", [60, 64, 65, 128, 1514])
def test_a_frame_takes_as_many_cycles_as_it_has_beats(headroom, start, size):
    rng = random.Random(size)
    egress = Egress(64, 64, headroom, 23, 64, start=start)
    frames = [frame_of(size, 64, headroom, 64, rng) for _ in range(12)]
    ends = check(egress, frames, rng)
    assert ends[-1] - ends[0] == 11 * -(-size // 64)


def test_a_moved_head_costs_no_cycle_while_the_frame_does_not_grow():
    rng = random.Random(1)
    egress = Egress(64, 64, 20, 23, 64)
    frames = [Frame(TX, 16, 64, 65535, rng.randbytes(84), b"") for _ in range(12)]
    ends = check(egress, frames, rng)
    assert ends[-1] - ends[0] == 11


def test_a_pushed_tag_costs_the_beats_of_the_longer_frame_only():
    rng = random.Random(1)
    egress = Egress(64, 64, 4, 23, 64)
    frames = [Frame(TX, 0, 1518, 65535, rng.randbytes(68), rng.randbytes(23 * 64)) for _ in range(6)]
    ends = check(egress, frames, rng)
    assert ends[-1] - ends[0] == 5 * 24


@pytest.mark.parametrize("verdict", [0, 1, 6, 7])
def test_dropped_frames_never_take_longer_than_they_took_to_arrive(verdict):
    rng = random.Random(1)
    egress = Egress(64, 64, 0, 23, 64, start=0)
    frames = [replace(frame_of(1514, 64, 0, 64, rng), verdict=v) for v in [verdict] * 4 + [PASS] * 4]
    ends = check(egress, frames, rng)
    assert ends[-1] <= 8 * 24 + 4


def test_a_shortened_frame_is_forgotten_while_the_next_one_goes_out():
    rng = random.Random(1)
    egress = Egress(64, 64, 20, 23, 64)
    long, short = frame_of(1514, 64, 20, 64, rng), frame_of(60, 64, 20, 64, rng)
    frames = [replace(long, start=0, length=98, limit=118)] + [short] * 12
    ends = check(egress, frames, rng)
    assert ends[-1] - ends[0] == 12


@pytest.mark.parametrize(("headroom", "start"), [(0, 0), (4, None), (20, 16), (40, None)])
@pytest.mark.parametrize("size", [60, 64, 65, 128, 1514])
def test_frames_from_a_queue_of_windows_take_no_longer_than_it_says(headroom, start, size):
    rng = random.Random(size)
    egress = QueuedEgress(8, 64, headroom, 190, 256, start=start)
    frames = [replace(frame_of(size, 64, headroom, 8, rng), start=start or headroom) for _ in range(12)]
    ends = check(egress, frames, rng)
    assert ends[-1] - ends[0] <= 11 * (-(-size // 8) + OVERHEAD - 1)  # the register is not there


def test_a_queue_of_windows_takes_short_frames_while_a_long_one_goes_out():
    rng = random.Random(1)
    depth, headroom = 6, 24
    egress = QueuedEgress(8, 64, headroom, 190, 256, depth=depth)
    long, short = frame_of(1514, 64, headroom, 8, rng), frame_of(60, 64, headroom, 8, rng)
    taken = []

    async def watch(ctx):
        async for *_, valid, ready, leaving in ctx.tick().sample(
            egress.outcome.valid, egress.outcome.ready, egress.egress.output.payload.side.stamp
        ):
            if valid and ready and leaving == 0:
                taken.append(1)

    check(egress, [long] + [short] * 12, rng, watch=watch)
    assert len(taken) == depth  # the long one is among them
