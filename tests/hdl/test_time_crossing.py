"""The time of all ports where the PHYs' clocks are."""

from __future__ import annotations

import random

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
