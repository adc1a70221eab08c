"""The bank of latencies against a reckoning in Python, read while samples come."""

from __future__ import annotations

import random

from amaranth.sim import Simulator
from hardpath.hdl.latency_bank import BIN_CYCLES, BINS, KINDS, TOTAL_STRIDE, LatencyBank

SOURCES = 3


async def read(ctx, dut, index, totals):
    ctx.set(dut.index, index)
    ctx.set(dut.totals, totals)
    ctx.set(dut.ask, 1)
    await ctx.tick().until(dut.done)
    ctx.set(dut.ask, 0)
    return ctx.get(dut.word)


def run(dut, samples, check):
    """``samples[i]``: (cycles before it, kind, latency) for source i."""

    def feeder(i):
        async def feed(ctx):
            sample, valid = getattr(dut, f"sample_{i}"), getattr(dut, f"valid_{i}")
            for pause, kind, latency in samples[i]:
                await ctx.tick().repeat(pause + 1)
                ctx.set(sample.latency, latency)
                ctx.set(sample.tag, {"verdict": kind % 8, "source": kind // 8})
                ctx.set(valid, 1)
                await ctx.tick()
                ctx.set(valid, 0)

        return feed

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    for i in range(SOURCES):
        simulator.add_testbench(feeder(i))
    simulator.add_testbench(check)
    simulator.run()


def test_every_sample_is_in_its_bin_and_sums_are_exact():
    random_ = random.Random(7)
    dut = LatencyBank(SOURCES)
    kinds, longest = (0, 2, 3, 9, 15), BINS * BIN_CYCLES
    samples = [
        [
            (random_.choice((4, 5, 9)), random_.choice(kinds), random_.choice((0, 15, 16, longest, 2**32 - 1, 700)))
            for _ in range(60)
        ]
        for _ in range(SOURCES)
    ]
    every = [sample for each in samples for sample in each]

    async def check(ctx):
        for _ in range(60):  # readers never disturb
            await read(ctx, dut, random_.randrange(KINDS * BINS), 0)
        await ctx.tick().repeat(1200)
        for kind in range(KINDS):
            latencies = [latency for _, k, latency in every if k == kind]
            words = [await read(ctx, dut, kind * TOTAL_STRIDE + i, 1) for i in range(5)]
            assert words[2] == len(latencies)
            if latencies:
                assert words[:2] == [min(latencies), max(latencies)]
                assert words[3] | words[4] << 32 == sum(latencies)
            for place in {min(latency // BIN_CYCLES, BINS - 1) for latency in latencies} | {7}:
                got = await read(ctx, dut, kind * BINS + place, 0)
                assert got == sum(min(latency // BIN_CYCLES, BINS - 1) == place for latency in latencies)
        assert ctx.get(dut.lost) == 0
        ctx.set(dut.clear, 1)
        await ctx.tick()
        ctx.set(dut.clear, 0)
        await ctx.tick().until(~dut.clearing)
        for kind in kinds:
            assert await read(ctx, dut, kind * TOTAL_STRIDE + 2, 1) == 0
            assert await read(ctx, dut, kind * BINS + BINS - 1, 0) == 0

    run(dut, samples, check)


def test_what_comes_too_fast_is_counted():
    dut = LatencyBank(SOURCES)

    async def check(ctx):
        await ctx.tick().repeat(400)
        counted = await read(ctx, dut, 2 * TOTAL_STRIDE + 2, 1)
        assert ctx.get(dut.lost) > 10 and counted + ctx.get(dut.lost) == 50 * SOURCES

    run(dut, [[(0, 2, 5)] * 50] * SOURCES, check)
