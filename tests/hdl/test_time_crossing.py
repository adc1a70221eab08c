"""The time of all ports where the PHYs' clocks are."""

from __future__ import annotations

import random

import pytest
from amaranth import Signal
from amaranth.sim import Simulator
from doubtful import doubtful
from hardpath.hdl.mac.stamps import TIME_BITS, TimeCrossing


def seen_of(dut, times, doubts=None):
    """What is seen in each cycle. ``doubts``: a signal, and what gives its value for a cycle."""
    seen = []

    async def bench(ctx):
        for now in times + 5 * [0]:
            ctx.set(dut.now, now)
            if doubts is not None:
                signal, draw = doubts
                ctx.set(signal, draw())
            seen.append(ctx.get(dut.seen))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return seen


def test_every_time_is_seen_five_edges_later():
    dut = TimeCrossing("sync")  # both domains are the same: no edge is in doubt
    random_ = random.Random(3)
    times = [*(1 << i for i in range(TIME_BITS)), *(random_.getrandbits(TIME_BITS) for _ in range(100))]
    assert seen_of(dut, times)[5:] == times


@pytest.mark.parametrize("first", [0, (1 << 8) - 40, (1 << 31) - 40, (1 << TIME_BITS) - 40])
def test_a_time_that_is_sampled_while_it_changes_is_the_one_before_or_behind(first):
    doubt = Signal(TIME_BITS)
    times = [(first + i) % (1 << TIME_BITS) for i in range(80)]
    random_ = random.Random(first)
    with doubtful("hardpath.hdl.mac.stamps", {"sync": ("sync", doubt)}):
        seen = seen_of(TimeCrossing("sync"), times, (doubt, lambda: random_.getrandbits(TIME_BITS)))
    pairs = list(zip(seen[6:], times[1:], strict=False))
    assert all((now - time) % (1 << TIME_BITS) in (0, 1) for time, now in pairs)
    assert len({now == time for time, now in pairs}) == 2, "both happen"
