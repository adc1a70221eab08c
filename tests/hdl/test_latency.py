"""The histogram of a datapath, against a model of it, cycle by cycle."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from amaranth.sim import Simulator
from hardpath.hdl.latency import Histogram

BINS = 8


@pytest.mark.parametrize("gaps", [False, True], ids=["a sample a cycle", "gaps"])
def test_bins_count_all_samples_and_the_host_sees_each_at_once(gaps):
    histogram = Histogram(BINS, gaps=gaps)
    random.seed(7)
    counted: Counter[int] = Counter()
    looked = waited = 0

    async def bench(ctx):
        nonlocal looked, waited
        expected = None  # what the host asked for a cycle ago
        for _ in range(2000):
            sample = random.choice((0, 3, 3, BINS - 1, BINS, 40)) if random.random() < (0.8 if gaps else 0.95) else None
            index = random.choice((0, 3, BINS - 1, 5))
            ctx.set(histogram.valid, sample is not None)
            ctx.set(histogram.sample, sample or 0)
            ctx.set(histogram.bin_index, index)
            if expected is not None:
                assert ctx.get(histogram.bin) == expected
                looked += 1
            reads = ctx.get(histogram.reads)
            assert reads == (not gaps or sample is None)
            waited += not reads
            # What came before this cycle counts: the write of the sample before is at the edge of this read.
            expected = counted[index] if reads else None
            await ctx.tick()
            if sample is not None:
                counted[min(sample, BINS - 1)] += 1
        assert (ctx.get(histogram.low), ctx.get(histogram.high)) == (0, 40)

    simulator = Simulator(histogram)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert looked > 300 and (waited > 1000) == gaps
