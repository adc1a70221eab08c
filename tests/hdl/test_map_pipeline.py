"""Maps inside pipelines: random programs, random schedules, few keys; against one frame after the other."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.schedule import schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps import lpm_trie
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.target import Target
from host_frames import host_and_frames
from map_bench import (
    HASH,
    LPM_TRIE,
    NO_PREALLOC,
    QUEUE,
    STACK,
    Bench,
    Generator,
    Program,
    back_to_back,
    order_sites,
)
from map_device import SPEEDS, patient_hardware


@pytest.mark.parametrize("seed", range(40))
def test_frames_back_to_back_leave_what_one_after_the_other_leaves(seed: int) -> None:
    rng = random.Random(seed)
    back_to_back(Generator(rng).program(), rng)

LRU_HASH = 9


def patient(program: Program, rng: random.Random) -> Program:
    """The same with time between frames, which the map's hardware may use: much, or just enough."""
    plan = replace(program.schedule, ii=rng.choice((2, 3, program.schedule.stages)))
    kinds = [node.attr.kind for node, _ in plan.sites(program.graph)]
    unit = patient_hardware(program.spec, kinds, rng.choice(SPEEDS[1:]))
    return replace(program, schedule=plan, frame_cycles=plan.ii + unit.frame_hold)


def random_hash(rng: random.Random) -> MapSpec:
    return MapSpec("m", HASH, rng.choice((1, 4, 5)), rng.choice((1, 8, 130)), rng.choice((1, 2, 3, 9, 12)))


@pytest.mark.parametrize("seed", range(1000, 1024))
def test_hardware_that_takes_its_time_leaves_the_same(seed: int) -> None:
    rng = random.Random(seed)
    bench = back_to_back(patient(Generator(rng, random_hash(rng)).program(), rng), rng)
    assert bench.dut.frame_hold


@pytest.mark.parametrize("seed", range(1100, 1112))
def test_the_host_comes_between_two_frames_that_take_their_time(seed: int) -> None:
    rng = random.Random(seed)
    host_and_frames(patient(Generator(rng, random_hash(rng)).program(), rng), rng, 6)


@pytest.mark.parametrize("seed", range(100, 112))
def test_host_operations_happen_between_two_frames(seed: int) -> None:
    rng = random.Random(seed)
    host_and_frames(Generator(rng).program(), rng, 6)


@pytest.mark.parametrize("seed", range(200, 210))
def test_an_lpm_trie_changes_between_two_frames(seed: int) -> None:
    """Lookups take several cycles: each sees a prefix whole or not at all, also when values change in place."""
    rng = random.Random(seed)
    spec = MapSpec("m", LPM_TRIE, 5, rng.choice((1, 8, 130)), rng.choice((1, 3, 6)), NO_PREALLOC)
    host_and_frames(Generator(rng, spec).program(), rng, 16)


@pytest.mark.parametrize("seed", range(400, 420))
def test_frames_that_change_an_lpm_trie_do_so_one_after_the_other(seed: int) -> None:
    rng = random.Random(seed)
    spec = MapSpec("m", LPM_TRIE, 5, rng.choice((1, 8, 130)), rng.choice((1, 3, 6)), NO_PREALLOC)
    back_to_back(Generator(rng, spec).program(), rng)


@pytest.mark.parametrize("seed", range(500, 520))
def test_an_lpm_trie_that_compares_all_entries_does_the_same(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lpm_trie, "LEVELS_LIMIT", 0)
    rng = random.Random(seed)
    spec = MapSpec("m", LPM_TRIE, rng.choice((5, 8)), rng.choice((1, 8, 130)), rng.choice((1, 3, 6)), NO_PREALLOC)
    program = Generator(rng, spec).program()
    if seed % 3:
        back_to_back(program, rng)
    else:
        host_and_frames(program, rng, 8)


@pytest.mark.parametrize("seed", range(300, 320))
def test_pushes_and_pops_of_frames_and_host_come_one_after_the_other(seed: int) -> None:
    rng = random.Random(seed)
    spec = MapSpec("m", rng.choice((QUEUE, STACK)), 0, rng.choice((1, 8, 20)), rng.choice((1, 2, 3, 8)))
    program = Generator(rng, spec).program()
    if seed % 2:
        back_to_back(program, rng)
    else:
        host_and_frames(program, rng, 6)


def flow_counter(spec: MapSpec) -> Graph:
    """Counts frames by key: one counter is incremented if it is there, else inserted."""
    graph = Graph(window=24)
    c = Construct(graph)
    plugin = MAP_TYPES[spec.type]
    window = c.input("window", 8 * 24)
    key = c.slice(window, 8, 8 * spec.key_size)
    always = c.const(1, 1)
    entry = plugin.lower_lookup(c, spec, always, key)
    row = c.field(c.site(spec.name, plugin.read_kind(spec), entry.found, entry.address, entry.tag), "row")
    more = c.op("add", 64, row, c.const(1, 64))
    c.site(spec.name, plugin.write_kind(spec), entry.found, entry.address, entry.tag, more, c.const(255, 8))
    plugin.lower_update(c, spec, c.not_(entry.found), key, c.const(1, 64), c.const(0, 64))
    order_sites(c)
    graph.outputs = {"verdict": c.const(2, 3), "window": key}
    return graph


@pytest.mark.parametrize("flows", [1, 2, 200])
def test_traffic_of_any_number_of_flows_runs_a_frame_a_cycle(flows: int) -> None:
    rng = random.Random(flows)
    spec = MapSpec("m", HASH, 5, 8, 256)
    keys = [rng.getrandbits(40) for _ in range(flows)]
    graph = flow_counter(spec)
    bench = Bench(Program(graph, schedule(graph, Target()), spec, keys), rng)
    bench.gap = bench.busy = 0
    seen = [keys[i % flows] for i in range(600)]
    bench.run([key << 8 for key in seen])
    count = {key.to_bytes(5, "little"): seen.count(key).to_bytes(8, "little") for key in keys}
    assert dict(bench.entries) == count
    # Frames of a flow right behind its first one wait until it is in the map.
    assert bench.cycles <= len(seen) + bench.dut.latency + 8


def test_a_patient_lru_map_makes_room_for_each_new_key_as_fast_as_it_says() -> None:
    rng = random.Random(7)
    spec = MapSpec("m", LRU_HASH, 5, 8, 8)
    keys = [rng.getrandbits(40) for _ in range(60)]
    graph = flow_counter(spec)
    plan = schedule(graph, Target(ii=84))
    bench = Bench(Program(graph, plan, spec, keys, 84), rng)
    assert plan.frames == 1 and bench.dut.frame_hold > 0
    bench.gap = bench.busy = 0
    bench.run([key << 8 for key in keys])
    left = dict(bench.entries)
    assert len(left) == 8 and keys[-1].to_bytes(5, "little") in left
    assert left.keys() <= {key.to_bytes(5, "little") for key in keys}
    assert set(left.values()) == {(1).to_bytes(8, "little")}
    assert bench.cycles <= (plan.stages + bench.dut.frame_hold) * len(keys) + bench.dut.latency


@pytest.mark.parametrize("flows", [1, 200])
def test_patient_hardware_holds_a_frame_as_long_as_it_says(flows: int) -> None:
    rng = random.Random(flows)
    spec = MapSpec("m", HASH, 5, 8, 256)
    keys = [rng.getrandbits(40) for _ in range(flows)]
    graph = flow_counter(spec)
    plan = schedule(graph, Target(ii=84))
    bench = Bench(Program(graph, plan, spec, keys, 84), rng)
    bench.gap = bench.busy = 0
    seen = [keys[i % flows] for i in range(300)]
    bench.run([key << 8 for key in seen])
    assert dict(bench.entries) == {key.to_bytes(5, "little"): seen.count(key).to_bytes(8, "little") for key in keys}
    longest, known = plan.stages + bench.dut.frame_hold, plan.stages
    assert plan.frames == 1 and longest < 84
    assert known * len(seen) < bench.cycles <= longest * len(seen) + bench.dut.latency
