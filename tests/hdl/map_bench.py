"""Random programs on one map, random schedules for them, and the pipeline that runs them."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from amaranth.sim import Simulator
from hardpath.codegen.emit import emit
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.evaluate import Evaluator
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.table import Table
from hardpath.hdl.maps.unit import HostOp

HASH, ARRAY, LPM_TRIE, QUEUE, STACK = 1, 2, 11, 22, 23
NO_PREALLOC = 1


@dataclass
class Program:
    """A graph on one map, a schedule for it, and keys that meet in the map's buckets. ``frame_cycles`` as in `emit`."""

    graph: Graph
    schedule: Schedule
    spec: MapSpec
    keys: list[int]
    frame_cycles: int = 1


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


def order_sites(c: Construct) -> None:
    """Keep all sites that may conflict in the order in which they were made."""
    sites = [node for node in c.graph.nodes if node.op == "site"]
    for i, after in enumerate(sites):
        for before in sites[:i]:
            a, b = before.attr.kind, after.attr.kind
            if a.conflicts(b):
                c.order(before, after, a.touch[1] - b.touch[0] + 1)


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
        if not self.spec.key_size:
            operations = ["push", "push", "pop", "peek"]
        for _ in range(rng.randint(1, 4)):
            getattr(self, rng.choice(operations))()
        order_sites(self.c)
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
    """Any legal one, with idle stages here and there and frames apart or not."""
    stage = [0] * len(graph.nodes)
    end = 0
    for node in graph.nodes:
        earliest = [stage[a.id] + (a.attr.kind.latency if a.op == "site" else 0) for a in node.args]
        earliest += [stage[o.before.id] + o.distance for o in graph.order if o.after is node]
        idle = rng.choice((0, 0, 0, 0, 1, 3)) if node.op == "site" else 0
        stage[node.id] = max([0, *earliest]) + idle
        span = max(node.attr.kind.latency, node.attr.kind.touch[1]) if node.op == "site" else 0
        end = max(end, stage[node.id] + span)
    return Schedule(end + 1, tuple(stage), ii=min(end + 1, rng.choice((1, 1, 1, 2, 5, 64))))


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
        maps = {program.spec.name: program.spec}
        self.dut = emit(
            program.graph, program.schedule, maps, types=MAP_TYPES, frame_cycles=program.frame_cycles
        )
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


def back_to_back(program: Program, rng: random.Random) -> Bench:
    """Outputs and final contents are those of one frame after the other."""
    frames = random_frames(program, rng, 120)
    bench = Bench(program, rng)
    bench.run(frames)
    evaluator = Evaluator(program.graph, {"m": program.spec}, {"m": MAP_TYPES[program.spec.type].model(program.spec)})
    expected = [evaluator.outputs({"window": frame})["window"] for frame in frames]
    assert bench.outputs == expected
    assert sorted(bench.entries) == sorted(evaluator.models["m"].items())
    return bench
