"""The promise: hardware, Linux and the interpreter agree on every frame and every map, back to back."""

from __future__ import annotations

import pytest
from agreement import agree
from hardpath.cli.report import document
from hardpath.sim.captures import Frame
from hardpath.sim.session import engine
from hardpath.sim.traffic import traffic
from hardpath.sim.traffic_random import random_frames

pytestmark = pytest.mark.usefixtures("needs_compiler")


def random(count: int, seed: int) -> list[Frame]:
    return [Frame(data) for data in random_frames(seed, count)]


def test_hardware_is_what_linux_is_on_capture_and_random_frames(example):
    agree(example.session, [*example.frames, *random(400, seed=11)])


@pytest.mark.slow
def test_hardware_is_what_linux_is_on_ten_thousand_random_frames(example):
    agree(example.session, [*example.frames, *random(10_000, seed=12)])


@pytest.mark.parametrize("mix", ["one-flow", "many-flows"])
def test_a_frame_a_cycle_or_the_report_names_the_conflict(example, mix):
    """Where the program makes frames longer than a beat, their beats out count."""
    session, width = example.session, example.design.target.width
    frames = list(traffic(mix, 1000))
    beats_out = [-(-len(result.out or b"") // width) for result in session.interpreter(frames).results]
    result, _ = session.run(engine("verilator"), frames, read_maps=False)
    assert result.cycles_per_frame is not None
    if result.cycles_per_frame > 1:
        facts = document(example.design)
        worst = {each["name"]: each["worst_cycles_per_frame"] for each in facts["maps"]}
        causes = {cause for cause, cycles in result.stalls.items() if cycles}
        if max(beats_out) > 1:
            causes -= {"output"}
        assert causes <= {f"{name} {cause}" for name in worst for cause in ("interlock", "unit")}
        assert result.cycles_per_frame <= max(*worst.values(), *beats_out)
