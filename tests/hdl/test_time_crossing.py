"""The time of all ports where the PHYs' clocks are."""

from __future__ import annotations

import random
from unittest.mock import patch

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator
from hardpath.hdl.mac.stamps import TIME_BITS, TimeCrossing


def test_every_time_is_seen_five_edges_later():
    dut = TimeCrossing("sync")  # both domains are the same: no edge is in doubt
    random_ = random.Random(3)
    times = [*(1 << i for i in range(TIME_BITS)), *(random_.getrandbits(TIME_BITS) for _ in range(100))]
    seen = []

    async def bench(ctx):
        for now in times + 5 * [0]:
            ctx.set(dut.now, now)
            seen.append(ctx.get(dut.seen))
            await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert seen[5:] == times


class Doubtful(wiring.Component):
    """In place of `FFSynchronizer`: each bit that ``doubt`` says is as it was an edge before."""

    def __init__(self, i, o, doubt):
        self._i, self._o, self._doubt = i, o, doubt
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        before, first = Signal.like(self._i), Signal.like(self._i)
        m.d.sync += [before.eq(self._i), first.eq(self._i & ~self._doubt | before & self._doubt), self._o.eq(first)]
        return m


@pytest.mark.parametrize("first", [0, (1 << 8) - 40, (1 << 31) - 40, (1 << TIME_BITS) - 40])
def test_a_time_that_is_sampled_while_it_changes_is_the_one_before_or_behind(first):
    doubt = Signal(TIME_BITS)
    with patch("hardpath.hdl.mac.stamps.FFSynchronizer", lambda i, o, o_domain: Doubtful(i, o, doubt)):
        dut = TimeCrossing("sync")
        random_ = random.Random(first)
        times = [(first + i) % (1 << TIME_BITS) for i in range(80)]
        seen = []

        async def bench(ctx):
            for now in times + 5 * [0]:
                ctx.set(dut.now, now)
                ctx.set(doubt, random_.getrandbits(TIME_BITS))
                seen.append(ctx.get(dut.seen))
                await ctx.tick()

        simulator = Simulator(dut)
        simulator.add_clock(1e-8)
        simulator.add_testbench(bench)
        simulator.run()
    pairs = list(zip(seen[6:], times[1:], strict=False))
    assert all((now - time) % (1 << TIME_BITS) in (0, 1) for time, now in pairs)
    assert len({now == time for time, now in pairs}) == 2, "both happen"
