"""Frames and contents lead into a program, and are the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import maps_of
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim.compare import fill
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.results import Verdict
from hardpath.sim.stimulus import compared_words, fill_as_taken, find_stimulus
from hardpath.sim.traffic_random import random_frames

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nat():
    spec = load(ROOT / "examples/nat/nat.o")
    program = select(spec)
    return program, maps_of(program, spec.maps)


def test_entries_have_keys_that_the_frames_lead_to(nat):
    program, maps = nat
    found = find_stimulus(program, maps, 100, 1)
    assert len(found.frames) == 100 and set(found.contents) == {"rewrites"}
    assert 4 < len(found.contents["rewrites"]) <= maps["rewrites"].max_entries
    empty, filled = Interpreter(program, maps), Interpreter(program, maps)
    assert fill_as_taken(found.contents, filled) == found.contents
    before = [empty.run(frame).verdict for frame in found.frames]
    after = [filled.run(frame).verdict for frame in found.frames]
    assert before != after
    assert filled.executed == found.reached > empty.executed


@pytest.mark.parametrize("name", ["count_protocols", "firewall", "icmp_echo", "nat", "port_filter", "vlan"])
def test_more_of_a_program_is_reached_than_by_any_frames(name):
    spec = load(ROOT / f"examples/{name}/{name}.o")
    program, maps = select(spec), maps_of(select(spec), spec.maps)
    plain = Interpreter(program, maps)
    for frame in random_frames(1, 200):
        plain.run(frame)
    assert len(find_stimulus(program, maps, 200, 1).reached) >= len(plain.executed)


def test_the_seed_decides(nat):
    first, again, other = (find_stimulus(*nat, 50, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_a_map_takes_no_more_than_it_holds(nat):
    program, maps = nat
    small = {**maps, "rewrites": replace(maps["rewrites"], max_entries=3)}
    assert len(find_stimulus(program, small, 50, 1).contents["rewrites"]) == 3


def test_constants_of_comparisons_are_words(nat):
    words = compared_words(nat[0])
    assert b"\x08" in words  # ETH_P_IP as it is loaded
    assert all(0 < len(word) <= 4 for word in words)


def test_what_one_does_not_take_is_left_out(nat):
    program, maps = nat
    small = {**maps, "rewrites": replace(maps["rewrites"], max_entries=2)}
    entries = {bytes([n] * 8): bytes(16) for n in range(4)}
    taken = fill_as_taken({"rewrites": entries}, Interpreter(program, maps), Interpreter(program, small))
    assert list(taken["rewrites"]) == list(entries)[:2]


@pytest.mark.linux
@pytest.mark.skipif(available() is not None, reason=str(available()))
def test_routes_are_some_that_linux_can_have():
    """Contents of the tables of helpers are found like those of maps, and lead to all that a router does."""
    spec = load(ROOT / "examples/forward/forward.o")
    program = select(spec)
    maps = maps_of(program, spec.maps)
    verdicts = set()
    for seed in (1, 2):
        stimulus = find_stimulus(program, maps, 60, seed)
        interpreter = Interpreter(program, maps)
        fill(interpreter, stimulus.contents)
        with LinuxOracle(program, maps) as linux:
            fill(linux, stimulus.contents)
            for frame in stimulus.frames:
                expected, found = linux.run(frame), interpreter.run(frame)
                assert (expected.verdict, expected.frame) == (found.verdict, found.frame), frame.hex()
                verdicts.add(found.verdict)
            assert linux.maps() == interpreter.maps()
    assert verdicts == {Verdict.DROP, Verdict.PASS, Verdict.REDIRECT}


@pytest.mark.parametrize("entries", [8, 512])
def test_an_lru_map_keeps_all_that_frames_put_in(entries):
    spec = load(ROOT / "examples/load_balancer/load_balancer.o")
    program = select(spec)
    maps = {
        name: replace(each, max_entries=entries) if MAP_TYPES[each.type].evicts else each
        for name, each in maps_of(program, spec.maps).items()
    }
    (lru,) = (name for name, each in maps.items() if MAP_TYPES[each.type].evicts)
    found = find_stimulus(program, maps, 400, 1)
    assert (len(found.frames) < 400) == (entries == 8) and found.frames
    interpreter = Interpreter(program, maps)
    fill(interpreter, found.contents)
    for frame in found.frames:
        interpreter.run(frame)
    assert 0 < len(interpreter.maps()[lru]) <= entries // 2
