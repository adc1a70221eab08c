"""Maps inside pipelines: random programs, random schedules, few keys; against one frame after the other."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.evaluate import Evaluator
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.schedule import schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps import lpm_trie
from hardpath.hdl.maps.base import MapModel
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.unit import HostOp
from hardpath.hdl.target import Target
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
    operate,
    order_sites,
    random_frames,
)


@pytest.mark.parametrize("seed", range(40))
def test_frames_back_to_back_leave_what_one_after_the_other_leaves(seed: int) -> None:
    rng = random.Random(seed)
    back_to_back(Generator(rng).program(), rng)

LRU_HASH = 9


def patient(program: Program, rng: random.Random) -> Program:
    """The same with time between frames, which the map's hardware may use."""
    plan = program.schedule
    return replace(program, schedule=replace(plan, ii=rng.choice((2, 3, plan.stages))), frame_cycles=1 << 20)


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


@dataclass
class HostAction:
    """An operation of the host and what came out."""

    op: HostOp
    key: bytes
    value: bytes
    status: int = 0
    result: bytes = b""

    def agrees(self, model: MapModel) -> bool:
        """Do it to the model; whether that gives the same."""
        if self.op == HostOp.UPDATE:
            return self.status == model.update(self.key, self.value, 0)
        if self.op == HostOp.DELETE and not self.key:
            taken = model.pop()
            return self.status == -2 if taken is None else (self.status, self.result) == (0, taken)
        if self.op == HostOp.DELETE:
            return self.status == model.delete(self.key)
        handle = model.lookup(self.key)
        if handle is None:
            return self.status == -2
        return self.status == 0 and self.result == model.value(handle)


def explanations(
    graph: Graph, spec: MapSpec, frames: Sequence[int], outputs: Sequence[int], actions: Sequence[HostAction]
) -> list[dict[bytes, bytes]]:
    """Contents of the map after each way to put the host's actions between the frames that gives these results."""
    name = spec.name
    start = MAP_TYPES[spec.type].model(spec)
    reached = [{tuple(sorted(start.items())): start}]  # by number of actions done: contents -> model
    for number in range(len(frames) + 1):
        row: list[dict[Any, MapModel]] = []
        for done in range(len(actions) + 1):
            states: dict[Any, MapModel] = dict(reached[done]) if number == 0 and done == 0 else {}
            if number:
                for model in reached[done].values():
                    after = copy.deepcopy(model)
                    one_frame = Evaluator(graph, {name: spec}, {name: after})
                    if one_frame.outputs({"window": frames[number - 1]})["window"] == outputs[number - 1]:
                        states[tuple(sorted(after.items()))] = after
            if done:
                for model in row[done - 1].values():
                    after = copy.deepcopy(model)
                    if actions[done - 1].agrees(after):
                        states[tuple(sorted(after.items()))] = after
            row.append(states)
        reached = row
    return [dict(model.items()) for model in reached[-1].values()]


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


def host_and_frames(program: Program, rng: random.Random, count: int) -> None:
    """The host's operations and the frames do what they do in some order that keeps each side's own."""
    spec = program.spec
    frames = random_frames(program, rng, 50)
    bench = Bench(program, rng)
    actions = [
        HostAction(
            rng.choice((HostOp.LOOKUP, HostOp.UPDATE, HostOp.UPDATE, HostOp.DELETE)),
            rng.choice(program.keys).to_bytes(spec.key_size, "little"),
            rng.randbytes(spec.value_size),
        )
        for _ in range(count)
    ]

    async def host(ctx: Any) -> None:
        bench.host_idle = False
        for action in actions:
            await ctx.tick().repeat(rng.randrange(1, 12))
            key, value = int.from_bytes(action.key, "little"), int.from_bytes(action.value, "little")
            action.status, _, result = await operate(ctx, bench.dut.hosts["m"], action.op, key=key, value=value)
            action.result = result.to_bytes(spec.value_size, "little")
        bench.host_idle = True

    bench.run(frames, host)
    assert dict(bench.entries) in explanations(program.graph, spec, frames, bench.outputs, actions)


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
