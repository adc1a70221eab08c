"""The queue from the line to the datapath when it is full: which frames are lost, and that they are counted."""

from __future__ import annotations

import random

import pytest
from amaranth import DomainRenamer
from amaranth.sim import Simulator
from hardpath.hdl.mac.receive_queue import ReceiveQueue

WIDTH, DEPTH, FRAMES = 2, 4, 300


@pytest.mark.parametrize("seed", range(3))
def test_each_frame_comes_whole_or_is_counted_as_lost(seed):
    """A short queue, so that it fills up anywhere in a frame, at its last beat, too."""
    dut = ReceiveQueue(WIDTH, DEPTH)
    random_ = random.Random(seed)
    given = [i.to_bytes(2, "big") + random_.randbytes(random_.randrange(30)) for i in range(FRAMES)]
    out, frame, lost = [], bytearray(), 0

    async def bench(ctx):
        nonlocal frame, lost
        ready, stretch = 0, 0

        async def cycle():
            nonlocal frame, lost, ready, stretch
            stretch -= 1
            if stretch < 0:
                ready, stretch = 1 - ready, random_.randrange(60)
            ctx.set(dut.output.ready, ready)
            beat = dut.output.payload
            lost += ctx.get(dut.lost)
            if ready and ctx.get(dut.output.valid):
                frame += ctx.get(beat.data).to_bytes(WIDTH, "little")[: ctx.get(beat.extra) + 1]
                if ctx.get(beat.last):
                    out.append((bytes(frame), bool(ctx.get(beat.error))))
                    frame = bytearray()
            await ctx.tick()

        for each in given:
            for i, byte in enumerate(each):
                ctx.set(dut.input, {"data": byte, "last": i == len(each) - 1, "error": 0})
                ctx.set(dut.valid, 1)
                await cycle()
            ctx.set(dut.valid, 0)
            for _ in range(random_.randrange(5, 20)):
                await cycle()
        for _ in range(500):
            await cycle()

    simulator = Simulator(DomainRenamer({"rx": "sync"})(dut))
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    whole = [data for data, bad in out if not bad]
    assert whole == [data for data in given if data in set(whole)], "in order, none twice, none that was not given"
    assert lost == FRAMES - len(whole)
    assert FRAMES / 10 < lost < FRAMES * 9 / 10
    # What was cut off has a bad end; of some nothing came at all.
    assert 0 < len(out) - len(whole) <= lost
