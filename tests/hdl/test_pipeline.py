"""Frames neither swap, vanish nor double in a pipeline, however it stalls: proved. Memories delay like registers."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from amaranth import Assert, Const, Elaboratable, Module, Signal
from amaranth.sim import Simulator
from hardpath.hdl.delay import DelayMemory
from hardpath.hdl.pipeline import StageControl
from proofs import yosys

STAGES, STALLING = 4, (0, 1, 3)


class Numbered(Elaboratable):
    """A pipeline that carries the numbers of its frames, with what must always hold. Inputs are free."""

    def __init__(self, interval: int = 1, wrong: bool = False) -> None:
        self.interval = interval
        self.input_valid, self.output_ready = Signal(), Signal()
        self.stall = {k: Signal(name=f"stall{k}") for k in STALLING}
        self.wrong = wrong

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.control = control = StageControl(STAGES, STALLING, self.interval)
        number = [Signal(8, name=f"number{k}") for k in range(STAGES)]
        entered, left = Signal(8), Signal(8)
        m.d.comb += [control.input_valid.eq(self.input_valid), control.output_ready.eq(self.output_ready)]
        m.d.comb += [control.stall[k].eq(self.stall[k]) for k in STALLING]
        with m.If(control.leaves(-1)):
            m.d.sync += entered.eq(entered + 1)
        with m.If(control.leaves(STAGES - 1)):
            m.d.sync += left.eq(left + 1)
        for k in range(STAGES):
            with m.If(control.moves(k - 1)):
                m.d.sync += number[k].eq(number[k - 1] if k else entered)

        for k in range(STAGES):
            behind = sum((control.valid[j] for j in range(k + 1, STAGES)), start=left)[:8]
            with m.If(control.valid[k]):
                m.d.comb += Assert(number[k] == behind)  # consecutive numbers, none lost
            if k in STALLING:
                m.d.comb += Assert(~(control.valid[k] & self.stall[k] & control.enable[k]))
            if k + 1 < STAGES:
                m.d.comb += Assert(~control.enable[k] | control.enable[k + 1])
        for k in range(STAGES - self.interval + 1):
            near = sum((control.valid[j] for j in range(k, k + self.interval)), start=Const(0, 1))
            m.d.comb += Assert(near <= 1)
        if self.interval > 1 and self.wrong:
            m.d.comb += Assert(~(control.valid[0] & control.valid[self.interval]))  # farther apart than they need be
        inside = sum((valid for valid in control.valid), start=left)[:8]
        m.d.comb += Assert(entered == inside + (1 if self.wrong and self.interval == 1 else 0))
        m.d.comb += Assert(control.output_valid & self.output_ready == control.leaves(STAGES - 1))
        return m


def proved(design: Numbered, folder: Path) -> bool:
    """Whether Yosys proves the assertions by induction (all registers of the design start as zero)."""
    script = "hierarchy -top claims; proc; flatten; opt; chformal -lower; opt_clean; "
    script += "sat -tempinduct -prove-asserts -set-init-zero -set rst 0 -seq 1 -maxsteps 4 -verify claims"
    ports = [design.input_valid, design.output_ready, *design.stall.values()]
    holds, log = yosys(folder, design, script, ports=ports)
    assert holds or "proof did fail" in log, log
    return holds


@pytest.mark.parametrize("interval", [1, 2, 3, 4])
def test_no_frame_swaps_vanishes_doubles_or_comes_too_near(interval: int, tmp_path: Path) -> None:
    assert proved(Numbered(interval), tmp_path)


@pytest.mark.parametrize("interval", [1, 2])
def test_the_proof_can_fail(interval: int, tmp_path: Path) -> None:
    assert not proved(Numbered(interval, wrong=True), tmp_path)


@pytest.mark.parametrize(
    "distance, interval", [(2, 1), (3, 1), (4, 1), (5, 1), (8, 1), (9, 1), (4, 2), (5, 3), (9, 3), (12, 4)])
def test_delay_memory_equals_as_many_registers(distance: int, interval: int) -> None:
    """With frames apart it holds what it read until the next frame comes."""
    stages = distance + 1 + interval
    m = Module()
    m.submodules.control = control = StageControl(stages, range(stages), interval)
    m.submodules.delay = delay = DelayMemory(16, -(-distance // interval))
    start, end = 0, distance
    payload = Signal(16)
    data = [Signal(16, name=f"data_{k}") for k in range(stages)]
    counts = {k: Signal(8, name=f"count_{k}") for k in (start, end - 1)}
    for k in range(stages):
        with m.If(control.moves(k - 1)):
            m.d.sync += data[k].eq(data[k - 1] if k else payload)
    for k, count in counts.items():
        with m.If(control.leaves(k)):
            m.d.sync += count.eq(count + 1)
    m.d.comb += [
        delay.write.eq(control.leaves(start)),
        delay.write_number.eq(counts[start]),
        delay.write_data.eq(data[start]),
        delay.read.eq(control.leaves(end - 1)),
        delay.read_number.eq(counts[end - 1]),
    ]
    rng = random.Random(distance)
    met = 0

    async def bench(ctx: Any) -> None:
        nonlocal met
        for cycle in range(1000):
            busy = cycle // 100 % 2 * 0.15
            ctx.set(payload, rng.getrandbits(16))
            ctx.set(control.input_valid, rng.random() < 0.8)
            ctx.set(control.output_ready, rng.random() >= busy)
            for stall in control.stall.values():
                ctx.set(stall, rng.random() < busy)
            for k in range(end, end + interval):
                if ctx.get(control.valid[k]):
                    met += 1
                    assert ctx.get(delay.read_data) == ctx.get(data[k])
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert met > 300
