"""Scenarios around the programs of data/sorter.c."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hardpath.nic_model.nic import Fate, Nic, Outcome
from hardpath.nic_model.scenario import Scenario, read_scenario
from hardpath.sim.captures import Frame, write_frames
from hardpath.sim.program import Hardware
from hardpath.sim.session import engine
from hardpath.sim.toolchain import has_compiler

SORTER = Path(__file__).parent / "data" / "sorter.o"


@pytest.fixture
def scenario(tmp_path: Path) -> Callable[..., Path]:
    """Writes a scenario file; keywords are its settings besides the object."""

    def write(**settings: Any) -> Path:
        path = tmp_path / "scenario.yaml"
        path.write_text(yaml.safe_dump({"object": str(SORTER), "program": "sorter", **settings}))
        return path

    return write


@pytest.fixture
def capture(tmp_path: Path) -> Callable[..., str]:
    """Writes a capture of (time in ns, bytes) pairs; its name."""

    def write(name: str, frames: list[tuple[int, bytes]]) -> str:
        with open(tmp_path / name, "wb") as file:
            write_frames(file, (Frame(data, time_ns=time_ns) for time_ns, data in frames))
        return name

    return write


Ran = tuple[Outcome, list[Fate], Hardware]


@pytest.fixture
def run(scenario: Callable[..., Path]) -> Callable[..., Ran]:
    """Runs a scenario of these settings on an engine."""
    if not has_compiler():
        pytest.skip("a C++ compiler is missing: apt install g++")

    def go(on: str = "verilator", **settings: Any) -> Ran:
        plan: Scenario = read_scenario(scenario(**settings))
        hardware = plan.build.compile(plan.program.verify(), lambda step: None)
        fates: list[Fate] = []
        outcome = Nic(plan, hardware, fates.append).run(engine(on))
        return outcome, fates, hardware

    return go
