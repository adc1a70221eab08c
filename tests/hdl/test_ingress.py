"""Ingress with its payload FIFO: windows, payload, receipts and drops for frames of any length."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from amaranth import Module
from amaranth.sim import Simulator
from hardpath.hdl.ingress import Ingress
from hardpath.hdl.payload_fifo import PayloadFifo
from hypothesis import Phase, given, settings
from hypothesis import strategies as st


@dataclass(frozen=True)
class Beats:
    """A frame as beats (data, keep, error)."""

    beats: list[tuple[bytes, int, bool]]
    drop: str | None  # why it must be dropped, or None
    frame: bytes
    meta: tuple[int, int, int] = (1, 2, 3)


@dataclass
class Seen:
    windows: list = field(default_factory=list)  # (window, length, ifindex, rx_queue, time_ns, payload beats)
    payload: list = field(default_factory=list)
    received: list = field(default_factory=list)
    drops: list = field(default_factory=list)
    begun: list = field(default_factory=list)  # (cycle of the first beat, stamp)


def beats_of(frame: bytes, width: int, error: bool = False) -> list[tuple[bytes, int, bool]]:
    parts = [frame[at : at + width] for at in range(0, len(frame), width)]
    # garbage where keep is low
    beats = [(part.ljust(width, b"\xa5"), (1 << len(part)) - 1, False) for part in parts]
    return [*beats[:-1], (*beats[-1][:2], error)]


def run(width: int, window: int, max_frame: int, frames: list[Beats], rng, depth=64, pace=1.0, ready=1.0) -> Seen:
    seen = Seen()
    top = Module()
    top.submodules.ingress = ingress = Ingress(width, window, max_frame)
    top.submodules.fifo = fifo = PayloadFifo(8 * width, depth)
    top.d.comb += [
        fifo.write.eq(ingress.payload_write),
        fifo.write_data.eq(ingress.payload_data),
        fifo.commit.eq(ingress.payload_commit),
        fifo.rollback.eq(ingress.payload_rollback),
        ingress.payload_full.eq(fifo.full),
    ]
    top.d.sync += ingress.now.eq(ingress.now + 1)
    good = sum(frame.drop is None for frame in frames)

    async def feed(ctx):
        rx = ingress.rx
        for frame in frames:
            for i, (data, keep, error) in enumerate(frame.beats):
                while rng.random() >= pace:
                    await ctx.tick()
                ifindex, queue, time = frame.meta if i == 0 else (7, 7, 7)
                last = i == len(frame.beats) - 1
                ctx.set(rx.payload, {
                    "data": int.from_bytes(data, "little"),
                    "keep": keep,
                    "last": last,
                    "error": error,
                    "ifindex": ifindex,
                    "rx_queue": queue,
                    "time_ns": time,
                })
                ctx.set(rx.valid, 1)
                for _ in range(3000):
                    _, _, taken, now = await ctx.tick().sample(rx.ready, ingress.now)
                    if taken:
                        break
                else:
                    raise AssertionError("ingress stands still")
                if i == 0 and frame.drop is None:
                    seen.begun.append(now)
                ctx.set(rx.valid, 0)

    async def windows(ctx):
        out = ingress.output
        while len(seen.windows) < good:
            ctx.set(out.ready, rng.random() < ready)
            _, _, valid, go, p, receipt = await ctx.tick().sample(out.valid, out.ready, out.payload, ingress.receipt)
            if valid and go:
                data = p.window.to_bytes(window, "little")
                assert receipt.stamp == seen.begun[len(seen.windows)]
                seen.windows.append((data, p.length, (p.ifindex, p.rx_queue, p.time_ns), receipt.beats))
        await ctx.tick().repeat(3)

    async def payload(ctx):
        for _ in range(40000):
            if len(seen.windows) == good and len(seen.payload) == sum(window[3] for window in seen.windows):
                break
            ctx.set(fifo.output.ready, rng.random() < ready)
            _, _, valid, go, data = await ctx.tick().sample(fifo.output.valid, fifo.output.ready, fifo.output.payload)
            if valid and go:
                seen.payload.append(data.to_bytes(width, "little"))

    async def counts(ctx):
        while True:
            _, _, received, length, dropped = await ctx.tick().sample(
                ingress.received, ingress.received_length, ingress.dropped
            )
            if received:
                seen.received.append(length)
            seen.drops += [name for name in ("error", "oversize", "runt") if dropped[name]]

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(windows)
    simulator.add_testbench(payload)
    simulator.add_testbench(counts, background=True)
    simulator.run()
    return seen


def check(width: int, window: int, max_frame: int, frames: list[Beats], rng, **how) -> Seen:
    seen = run(width, window, max_frame, frames, rng, **how)
    good = [frame for frame in frames if frame.drop is None]
    expected, payload = [], []
    for frame in good:
        rest = frame.frame[window:]
        beats = [rest[at : at + width].ljust(width, b"\0") for at in range(0, len(rest), width)]
        payload += beats
        expected.append((frame.frame[:window].ljust(window, b"\0"), len(frame.frame), frame.meta, len(beats)))
    assert seen.windows == expected
    assert seen.payload == payload
    assert seen.received == [len(frame.frame) for frame in good]
    assert seen.drops == [frame.drop for frame in frames if frame.drop]
    return seen


def random_frame(rng: random.Random, width: int, max_frame: int) -> Beats:
    size = rng.choice([14, max_frame, max_frame + 1, rng.randint(1, 13), rng.randint(14, max_frame), 3 * max_frame])
    frame = rng.randbytes(size)
    beats = beats_of(frame, width)
    drop = "oversize" if size > max_frame else "runt" if size < 14 else None
    fault = rng.choice(["", "", "", "error", "hole", "short"])
    i = rng.randrange(len(beats))
    data, keep, _ = beats[i]
    if fault == "error":
        beats[-1] = (beats[-1][0], beats[-1][1], True)
        drop = "error"
    elif fault == "hole" and keep.bit_count() >= 2:
        beats[i] = (data, keep & ~(1 << rng.randrange(keep.bit_count() - 1)), False)
        drop = "error"
    elif fault == "short" and i < len(beats) - 1:
        beats[i] = (data, keep >> 1, False)
        drop = "error"
    return Beats(beats, drop, frame, (rng.getrandbits(32), rng.getrandbits(32), rng.getrandbits(64)))


SHAPES = [(8, 8, 80), (8, 64, 200), (16, 32, 100), (32, 128, 100), (64, 64, 1514), (128, 128, 300)]


@pytest.mark.parametrize(("width", "window", "max_frame"), SHAPES)
@given(seed=st.integers(0, 2**32), pace=st.sampled_from([1.0, 0.6]), ready=st.sampled_from([1.0, 0.5]))
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_windows_payload_and_drops(width, window, max_frame, seed, pace, ready):
    rng = random.Random(seed)
    frames = [random_frame(rng, width, max_frame) for _ in range(25)]
    frames.append(Beats(beats_of(bytes(14), width), None, bytes(14)))
    depth = -(-max_frame // width) + rng.randrange(20)
    check(width, window, max_frame, frames, rng, depth=depth, pace=pace, ready=ready)


@pytest.mark.parametrize(("size", "window"), [(60, 64), (64, 64), (64, 128), (65, 64), (129, 128), (1514, 64)])
def test_a_frame_takes_as_many_cycles_as_it_has_beats(size, window):
    rng = random.Random(1)
    frames = [Beats(beats_of(data, 64), None, data) for data in (rng.randbytes(size) for _ in range(8))]
    seen = check(64, window, 1514, frames, rng)
    assert {b - a for a, b in pairwise(seen.begun)} == {-(-size // 64)}
