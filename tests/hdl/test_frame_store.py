"""The frame store against a list of frames, with reads anywhere in the frames in flight."""

from __future__ import annotations

import random

import pytest
from amaranth.sim import Simulator
from hardpath.hdl.frame_store import FrameStore, FrameStoreShape, read_kind

WIDTH = 8


def test_the_store_has_room_for_two_of_the_longest_frames_and_for_short_ones_at_line_rate():
    shape = FrameStoreShape.of(WIDTH, 100, frames=7)
    assert shape.beats >= 2 * 13 + 7
    assert shape.beats & (shape.beats - 1) == 0


@pytest.mark.parametrize("seed", range(4))
def test_reads_give_the_bytes_of_the_frame_that_entered_whatever_was_taken_back_or_came_later(seed):
    rng = random.Random(seed)
    sizes = (1, 2, 4, 8)
    shape = FrameStoreShape(WIDTH, 32, frames=4)
    store = FrameStore(shape, [read_kind(size) for size in sizes])
    checked, full = 0, 0

    async def drive(ctx):
        nonlocal checked, full
        committed, inside, coming = [], [], []  # frames that wait, (place, bytes) in flight, beats of the next one
        left = rng.randint(1, 12)
        before = [None] * len(sizes)  # what the reads of the cycle before will give
        for site in store.sites:
            ctx.set(site.enable, 0b111)
        for _ in range(1500):
            ctx.set(store.enter, 0)
            ctx.set(store.leave, 0)
            # The pipeline takes the frame that was committed, before the next one may be.
            if committed and len(inside) < shape.frames and rng.random() < 0.7:
                ctx.set(store.enter, 1)
                inside.append((ctx.get(store.place), committed.pop()))
            elif inside and rng.random() < 0.1:
                ctx.set(store.leave, 1)
                inside.pop(0)
            write = rng.random() < 0.9 and not ctx.get(store.fill.full) and not committed
            full += ctx.get(store.fill.full)
            beat = rng.randbytes(WIDTH)
            last = write and left == 1
            back = last and rng.random() < 0.3
            ctx.set(store.fill.write, write)
            ctx.set(store.fill.data, int.from_bytes(beat, "little"))
            ctx.set(store.fill.commit, last)
            ctx.set(store.fill.rollback, back)
            if write:
                coming.append(beat)
                left -= 1
            if last:
                if not back:
                    committed.append(b"".join(coming))
                coming, left = [], rng.randint(1, 12)
            now = [None] * len(sizes)
            for i, (size, site) in enumerate(zip(sizes, store.sites, strict=True)):
                place, frame = rng.choice(inside) if inside else (0, b"")
                offset = rng.randint(0, max(0, len(frame) - size))
                ctx.set(site.operands.place, place)
                ctx.set(site.operands.offset, offset)
                if len(frame) >= size:
                    now[i] = frame[offset : offset + size]
            await ctx.tick()
            for site, want in zip(store.sites, before, strict=True):
                if want is not None:
                    assert ctx.get(site.results.data).to_bytes(len(want), "little") == want
                    checked += 1
            before = now

    simulator = Simulator(store)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    assert checked > 500
    assert full > 10


def test_a_read_waits_with_its_frame():
    store = FrameStore(FrameStoreShape(WIDTH, 8, frames=2), [read_kind(2)])
    site = store.sites[0]

    async def drive(ctx):
        for i, data in enumerate((b"abcdefgh", b"ijklmnop")):
            ctx.set(store.fill.write, 1)
            ctx.set(store.fill.commit, i == 1)
            ctx.set(store.fill.data, int.from_bytes(data, "little"))
            await ctx.tick()
        ctx.set(store.fill.write, 0)
        for enable, offset in ((0b001, 7), (0b000, 0), (0b010, 3), (0b000, 5)):
            ctx.set(site.enable, enable)
            ctx.set(site.operands.offset, offset)
            await ctx.tick()
        assert ctx.get(site.results.data).to_bytes(2, "little") == b"hi"

    simulator = Simulator(store)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
