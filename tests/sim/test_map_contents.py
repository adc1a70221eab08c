"""Random contents lie where a program looks, and are the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import maps_of
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.map_contents import fill_as_taken, random_contents
from hardpath.sim.traffic_random import random_frames

ROOT = Path(__file__).parents[2]
FRAMES = list(random_frames(3, 100))


@pytest.fixture
def nat():
    spec = load(ROOT / "examples/nat/nat.o")
    program = select(spec)
    return program, maps_of(program, spec.maps)


def test_entries_have_keys_that_the_frames_lead_to(nat):
    program, maps = nat
    contents = random_contents(program, maps, FRAMES, 1)
    assert set(contents) == {"rewrites"}
    assert 4 < len(contents["rewrites"]) <= maps["rewrites"].max_entries
    empty, filled = Interpreter(program, maps), Interpreter(program, maps)
    assert fill_as_taken(contents, filled) == contents
    before = [empty.run(frame).verdict for frame in FRAMES]
    after = [filled.run(frame).verdict for frame in FRAMES]
    assert before != after


def test_the_seed_decides(nat):
    first, again, other = (random_contents(*nat, FRAMES, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_map_takes_no_more_than_it_holds(nat):
    program, maps = nat
    small = {**maps, "rewrites": replace(maps["rewrites"], max_entries=3)}
    assert len(random_contents(program, small, FRAMES, 1)["rewrites"]) == 3


def test_what_one_does_not_take_is_left_out(nat):
    program, maps = nat
    small = {**maps, "rewrites": replace(maps["rewrites"], max_entries=2)}
    entries = {bytes([n] * 8): bytes(16) for n in range(4)}
    taken = fill_as_taken({"rewrites": entries}, Interpreter(program, maps), Interpreter(program, small))
    assert list(taken["rewrites"]) == list(entries)[:2]
