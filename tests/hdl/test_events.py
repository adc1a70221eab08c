"""The stream of events: every event of every frame once, in order, whoever makes it wait."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.sim import Simulator
from hardpath.hdl.events import EventShape, EventStream


@pytest.mark.parametrize("widths", [(0,), (32,), (64, 0, 17), tuple(range(0, 90, 10))])
@pytest.mark.parametrize("ready, leaves", [(1.0, 1.0), (0.5, 1.0), (1.0, 0.4), (0.3, 0.5)])
def test_every_event_leaves_once_and_in_order(widths: tuple[int, ...], ready: float, leaves: float) -> None:
    rng = random.Random(f"{widths} {ready} {leaves}")
    frames = [[rng.getrandbits(1 + width) for width in widths] for _ in range(60)]
    expected = []
    for number, frame in enumerate(frames):
        expected += [(site, number, event >> 1) for site, event in enumerate(frame) if event & 1]
    dut, told, cycles = EventStream([EventShape(width) for width in widths], 64), [], 0

    async def testbench(ctx: Any) -> None:
        nonlocal cycles
        for frame in frames:
            ctx.set(dut.frame_valid, 1)
            for port, event in zip(dut.events, frame, strict=True):
                ctx.set(port, event)
            done = False
            while not done:
                cycles += 1
                ctx.set(dut.output.ready, rng.random() < ready)
                done = ctx.get(dut.done) and rng.random() < leaves
                ctx.set(dut.taken, done)
                if ctx.get(dut.output.valid) and ctx.get(dut.output.ready):
                    payload = ctx.get(dut.output.payload)
                    told.append((payload.site, payload.frame, payload.data))
                await ctx.tick()
            ctx.set(dut.taken, 0)
            if rng.random() < 0.2:
                ctx.set(dut.frame_valid, 0)
                await ctx.tick()

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert told == expected
    if (ready, leaves) == (1.0, 1.0):
        assert cycles == sum(max(1, sum(event & 1 for event in frame)) for frame in frames)
