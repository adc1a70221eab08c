"""The bank of counters, against plain sums, cycle by cycle."""

from __future__ import annotations

import random

from amaranth.sim import Simulator
from hardpath.hdl.counter_bank import CounterBank

WIDTHS = (1, 16, 1, 32, 1)


def test_counts_are_sums_of_what_came_since_they_were_cleared():
    bank, random_ = CounterBank(WIDTHS), random.Random(5)
    waits: list[int] = []
    greatest = 0

    async def bench(ctx):
        nonlocal greatest
        sums, before = [0] * len(WIDTHS), [0] * len(WIDTHS)  # now, and a cycle ago, when what is shown was fetched
        index = shown = None
        cleared = 0
        for _ in range(5000):
            for port, width in zip(bank.adds, WIDTHS, strict=True):
                ctx.set(port, random_.choice((0, (1 << width) - 1, random_.getrandbits(width))))
            ctx.set(bank.clear, random_.getrandbits(len(WIDTHS)) if random_.random() < 0.01 else 0)
            if shown is not None:
                assert ctx.get(bank.count) == shown
            if index is None and random_.random() < 0.5:
                index = random_.randrange(len(WIDTHS))
                waits.append(0)
                ctx.set(bank.index, index)
            ctx.set(bank.ask, index is not None)
            if index is not None:
                waits[-1] += 1
                if ctx.get(bank.done):
                    shown = 0 if cleared >> index & 1 else before[index]
                    greatest = max(greatest, shown)
                    index = None
            adds, cleared = [ctx.get(port) for port in bank.adds], ctx.get(bank.clear)
            before = list(sums)
            after = [value + add for value, add in zip(sums, adds, strict=True)]
            sums = [0 if cleared >> i & 1 else value for i, value in enumerate(after)]
            await ctx.tick()

    simulator = Simulator(bank)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(waits) > 500 and max(waits) == len(WIDTHS)
    assert greatest > 1 << 36, "carries reach beyond what waits in registers"
