"""The time that programs see."""

from __future__ import annotations

import pytest
from amaranth.sim import Simulator
from hardpath.hdl.clock import Nanoseconds

CYCLES = 2000


@pytest.mark.parametrize("clock_hz", [125e6, 156.25e6, 250e6, 60e6, 322.265625e6])
def test_nanoseconds_keep_pace_with_a_clock_of_any_rate(clock_hz: float) -> None:
    clock = Nanoseconds(clock_hz)
    seen = []

    async def watch(context) -> None:
        for _ in range(CYCLES):
            seen.append(context.get(clock.now))
            await context.tick()

    simulator = Simulator(clock)
    simulator.add_clock(1 / clock_hz)
    simulator.add_testbench(watch)
    simulator.run()
    assert seen[0] == 0
    assert all(0 <= cycle * 1e9 / clock_hz - now < 1.001 for cycle, now in enumerate(seen))
