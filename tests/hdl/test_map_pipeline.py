"""Maps inside pipelines: random programs, random schedules, few keys; against one frame after the other."""

from __future__ import annotations

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from amaranth.sim import Simulator
from hardpath.codegen.emit import emit
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.evaluate import Evaluator
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.schedule import schedule
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import MapModel
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.table import Table
from hardpath.hdl.maps.unit import HostOp
from hardpath.hdl.target import Target

HASH, ARRAY, LPM_TRIE, QUEUE, STACK = 1, 2, 11, 22, 23
NO_PREALLOC = 1


@dataclass
class Program:
    """A graph on one map, a schedule for it, and keys that meet in the map's buckets."""

    graph: Graph
    schedule: Schedule
    spec: MapSpec
    keys: list[int]


def colliding_keys(spec: MapSpec, count: int, rng: random.Random) -> list[int]:
    """Keys that all have the same two buckets, as far as there are enough of them."""
    table = Table.of(spec)
    candidates = [rng.getrandbits(8 * spec.key_size) for _ in range(400)]
    buckets: dict[tuple[int, int], list[int]] = {}
    for key in candidates:
        buckets.setdefault((table.bucket(0, key), table.bucket(1, key)), []).append(key)
    together = max(buckets.values(), key=len)
    return [*together[:count], *rng.sample(candidates, max(2, count // 4))]


def random_spec(rng: random.Random) -> MapSpec:
    if rng.random() < 0.2:
        return MapSpec("m", ARRAY, 4, rng.choice((1, 8, 100)), rng.choice((1, 3, 8)))
    return MapSpec("m", HASH, rng.choice((1, 4, 5)), rng.choice((1, 4, 8, 130)), rng.choice((1, 2, 3, 9, 12)))


class Generator:
    """Builds a graph of a few map operations whose predicates, keys and data come from the frame."""

    def __init__(self, rng: random.Random, spec: MapSpec | None = None) -> None:
        self.rng = rng
        self.spec = spec or random_spec(rng)
        self.plugin = MAP_TYPES[self.spec.type]
        self.graph = Graph(window=24)
        self.c = c = Construct(self.graph)
        self.window = c.input("window", 8 * 24)
        self.flags = [c.slice(self.window, i, 1) for i in range(8)]
        self.outputs: list[Node] = []
        operations = ["lookup", "change", "change", "update", "update", "delete"]
        if self.spec.type == LPM_TRIE:
            operations = operations[:3]
        elif not self.spec.key_size:
            operations = ["push", "push", "pop", "peek"]
        for _ in range(rng.randint(1, 4)):
            getattr(self, rng.choice(operations))()
        self.order()
        self.graph.outputs = {"verdict": c.slice(self.window, 0, 3), "window": c.concat(self.outputs)}

    def key(self) -> Node:
        return self.c.slice(self.window, 8 * self.rng.choice((1, 1, 1, 9)), 8 * self.spec.key_size)

    def value(self, bits: int) -> Node:
        data = self.c.slice(self.window, 8 * self.rng.choice((14, 16)), min(64, bits))
        return data if bits <= 64 else self.c.concat([data, *[self.c.const(0, 1)] * (bits - 128), data])

    def predicate(self) -> Node:
        return self.c.const(1, 1) if self.rng.random() < 0.2 else self.rng.choice(self.flags[-5:])

    def keep(self, predicate: Node, value: Node) -> None:
        """An output; what a site gives while its predicate is false means nothing."""
        self.outputs.append(self.c.mux(predicate, value, self.c.const(0, value.width)))

    def lookup(self) -> tuple[Node, Any]:
        predicate = self.predicate()
        entry = self.plugin.lower_lookup(self.c, self.spec, predicate, self.key())
        found = self.c.and_(predicate, entry.found)
        self.keep(predicate, found)
        self.flags += [found, self.c.and_(predicate, self.c.not_(entry.found))]
        return found, entry

    def change(self) -> None:
        """Read-modify-write of one row of an entry."""
        c, spec, plugin = self.c, self.spec, self.plugin
        found, entry = self.lookup()
        number = self.rng.randrange(plugin.rows(spec))
        address = c.op("or", entry.address.width, entry.address, c.const(number, entry.address.width))
        row = c.field(c.site(spec.name, plugin.read_kind(spec), found, address, entry.tag), "row")
        self.keep(found, row)
        size = plugin.row_bytes(spec)
        written = c.and_(found, self.rng.choice(self.flags))
        data = c.op("add", 8 * size, row, self.value(8 * size))
        used = min(size, spec.value_size - number * size)  # a program cannot reach what fills up the last row
        mask = c.const(self.rng.getrandbits(used) | 1, size)
        c.site(spec.name, plugin.write_kind(spec), written, address, entry.tag, data, mask)

    def update(self) -> None:
        c, predicate = self.c, self.predicate()
        mode = self.rng.choice((0, 0, 1, 2, None))
        flags = c.zext(c.slice(self.window, 22 * 8, 3), 64) if mode is None else c.const(mode, 64)
        value = self.value(8 * self.spec.value_size)
        self.result(predicate, self.plugin.lower_update(c, self.spec, predicate, self.key(), value, flags))

    def delete(self) -> None:
        predicate = self.predicate()
        self.result(predicate, self.plugin.lower_delete(self.c, self.spec, predicate, self.key()))

    def push(self) -> None:
        c, predicate = self.c, self.predicate()
        flags = c.zext(c.slice(self.window, 22 * 8, 2), 64)
        value = self.value(8 * self.spec.value_size)
        self.result(predicate, self.plugin.lower_push(c, self.spec, predicate, value, flags))

    def pop(self) -> None:
        predicate = self.predicate()
        front = self.plugin.lower_pop(self.c, self.spec, predicate)
        self.result(predicate, front.result)
        self.keep(predicate, front.value)

    def peek(self) -> None:
        predicate = self.predicate()
        front = self.plugin.lower_peek(self.c, self.spec, predicate, None)
        self.result(predicate, front.result)
        self.keep(predicate, front.value)

    def result(self, predicate: Node, result: Node) -> None:
        self.keep(predicate, result)
        self.flags.append(self.c.and_(predicate, self.c.slice(result, 0, 1)))

    def order(self) -> None:
        sites = [node for node in self.graph.nodes if node.op == "site"]
        for i, after in enumerate(sites):
            for before in sites[:i]:
                a, b = before.attr.kind, after.attr.kind
                if a.conflicts(b):
                    self.c.order(before, after, a.touch[1] - b.touch[0] + 1)

    def program(self) -> Program:
        if self.spec.type == HASH:
            keys = colliding_keys(self.spec, self.rng.choice((2, 6, 16)), self.rng)
        elif not self.spec.key_size:
            keys = [0]
        elif self.spec.type == LPM_TRIE:
            keys = [self.rng.randrange(11) | self.rng.getrandbits(3) << 32 + 4 for _ in range(20)]
        else:
            keys = list(range(self.spec.max_entries + 2))
        return Program(self.graph, random_schedule(self.graph, self.rng), self.spec, keys)


def random_schedule(graph: Graph, rng: random.Random) -> Schedule:
    """Any legal one, with idle stages here and there."""
    stage = [0] * len(graph.nodes)
    end = 0
    for node in graph.nodes:
        earliest = [stage[a.id] + (a.attr.kind.latency if a.op == "site" else 0) for a in node.args]
        earliest += [stage[o.before.id] + o.distance for o in graph.order if o.after is node]
        idle = rng.choice((0, 0, 0, 0, 1, 3)) if node.op == "site" else 0
        stage[node.id] = max([0, *earliest]) + idle
        span = max(node.attr.kind.latency, node.attr.kind.touch[1]) if node.op == "site" else 0
        end = max(end, stage[node.id] + span)
    return Schedule(end + 1, tuple(stage))


def random_frames(program: Program, rng: random.Random, count: int) -> list[int]:
    """Windows: a byte of predicates, two keys, data, flags."""
    size = program.spec.key_size
    frames = []
    for _ in range(count):
        window = bytearray(rng.randbytes(24))
        for start in (1, 9):
            window[start : start + size] = rng.choice(program.keys).to_bytes(size, "little")
        frames.append(int.from_bytes(window, "little"))
    return frames


class Bench:
    """Runs frames through the pipeline; afterwards reads the map through the host port."""

    def __init__(self, program: Program, rng: random.Random) -> None:
        self.program, self.rng = program, rng
        self.dut = emit(program.graph, program.schedule, {program.spec.name: program.spec}, types=MAP_TYPES)
        self.gap, self.busy = rng.choice((0, 0, 0.3)), rng.choice((0, 0, 0.5))
        self.outputs: list[int] = []
        self.cycles = 0
        self.entries: list[tuple[bytes, bytes]] = []
        self.host_idle = True

    def run(self, frames: list[int], hosts: Any = None) -> None:
        dut, rng = self.dut, self.rng

        async def source(ctx: Any) -> None:
            for frame in frames:
                while rng.random() < self.gap:
                    await ctx.tick()
                ctx.set(dut.input.payload.window, frame)
                ctx.set(dut.input.valid, 1)
                await ctx.tick().until(dut.input.ready)
                ctx.set(dut.input.valid, 0)

        async def sink(ctx: Any) -> None:
            while len(self.outputs) < len(frames):
                ctx.set(dut.output.ready, rng.random() >= self.busy)
                _, _, valid, ready, window = await ctx.tick().sample(
                    dut.output.valid, dut.output.ready, dut.output.payload.window
                )
                self.cycles += 1
                assert self.cycles < 400 * (len(frames) + 10), "frames are stuck"
                if valid and ready:
                    self.outputs.append(window)
            while not self.host_idle:
                await ctx.tick()
            self.entries = await entries(ctx, dut.hosts[self.program.spec.name], self.program.spec)

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(source)
        simulator.add_testbench(sink)
        if hosts is not None:
            simulator.add_testbench(hosts)
        simulator.run()


async def operate(ctx: Any, host: Any, op: HostOp, **operands: int) -> tuple[int, int, int]:
    """One host operation: status, key, value."""
    ctx.set(host.op, op)
    for name, value in operands.items():
        ctx.set(getattr(host, name), value)
    ctx.set(host.request, 1)
    status, key, value = (
        await ctx.tick().sample(host.status, host.result_key, host.result_value).until(host.done)
    )
    ctx.set(host.request, 0)
    await ctx.tick()
    return status - (1 << 32) if status >> 31 else status, key, value


async def entries(ctx: Any, host: Any, spec: MapSpec) -> list[tuple[bytes, bytes]]:
    """All entries, by ENTRY."""
    found = []
    index = 0
    while True:
        status, key, value = await operate(ctx, host, HostOp.ENTRY, index=index)
        if status == -7:
            return found
        if status == 0:
            listed = key.to_bytes(spec.key_size, "little") or index.to_bytes(4, "little")
            found.append((listed, value.to_bytes(spec.value_size, "little")))
        index += 1


@pytest.mark.parametrize("seed", range(40))
def test_frames_back_to_back_leave_what_one_after_the_other_leaves(seed: int) -> None:
    rng = random.Random(seed)
    back_to_back(Generator(rng).program(), rng)


def back_to_back(program: Program, rng: random.Random) -> None:
    frames = random_frames(program, rng, 120)
    bench = Bench(program, rng)
    bench.run(frames)
    evaluator = Evaluator(program.graph, {"m": program.spec}, {"m": MAP_TYPES[program.spec.type].model(program.spec)})
    expected = [evaluator.outputs({"window": frame})["window"] for frame in frames]
    assert bench.outputs == expected
    assert sorted(bench.entries) == sorted(evaluator.models["m"].items())


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
    sites = [node for node in graph.nodes if node.op == "site"]
    for i, after in enumerate(sites):
        for before in sites[:i]:
            if before.attr.kind.conflicts(after.attr.kind):
                distance = before.attr.kind.touch[1] - after.attr.kind.touch[0] + 1
                c.order(before, after, distance)
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
