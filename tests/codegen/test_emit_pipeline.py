"""Random programs on a toy map: the pipeline, full of frames that want the same entries, equals running each frame
to its end before the next one starts.

The toy has every kind of timing that a site can declare: early and late touches, atomic and stretched
read-modify-write, stalls of its own.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from amaranth import Array, Const, Module, Mux, Signal
from amaranth.sim import Simulator
from hardpath.codegen.emit import Pipeline, emit, liveness
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import MapPlugin, MapShape, SiteKind
from hardpath.hdl.maps.unit import HostOp, MapUnit
from hardpath.hdl.operators import OPERATORS
from map_bench import operate

SEEDS = range(int(os.environ.get("HARDPATH_PIPELINE_SEEDS", "24")))
ROWS = 4
ROW, NONE = frozenset({"rows"}), frozenset[str]()
ENTRY = (("address", 2), ("tag", 2))
DATA = (*ENTRY, ("row", 8))
OLD = (("row", 8),)
COUNT = frozenset({"count"})
CELLS = ROWS + 1  # the last one is a counter that all entries share

KINDS = (
    SiteKind("read", ENTRY, OLD, 1, (0, 0), reads=ROW, writes=NONE),
    SiteKind("late_read", ENTRY, OLD, 3, (1, 1), reads=ROW, writes=NONE),
    SiteKind("stalling_read", ENTRY, OLD, 1, (0, 0), reads=ROW, writes=NONE),
    SiteKind("write", DATA, (), 0, (0, 0), reads=NONE, writes=ROW),
    SiteKind("late_write", DATA, (), 0, (2, 2), reads=NONE, writes=ROW),
    SiteKind("add", DATA, OLD, 1, (0, 0), reads=ROW, writes=ROW),
    SiteKind("stretched_add", DATA, OLD, 1, (0, 2), reads=ROW, writes=ROW),
    SiteKind("count", ENTRY, OLD, 1, (0, 0), reads=COUNT, writes=COUNT, shared=COUNT),
    SiteKind("stretched_count", ENTRY, OLD, 1, (0, 2), reads=COUNT, writes=COUNT, shared=COUNT),
)


class ToyUnit(MapUnit):
    """`CELLS` bytes in flip-flops."""

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        rows = [Signal(8, name=f"row_{i}") for i in range(CELLS)]
        after = [Signal(8, name=f"row_{i}_after") for i in range(CELLS)]  # behind the coming edge
        m.d.comb += [a.eq(r) for a, r in zip(after, rows, strict=True)]
        m.d.sync += [r.eq(a) for a, r in zip(after, rows, strict=True)]
        noise = Signal(16, init=0xACE1)
        m.d.sync += noise.eq((noise << 1) | (noise[15] ^ noise[13] ^ noise[12] ^ noise[10]))

        def write(fires: Any, address: Any, row: Any) -> None:
            with m.If(fires):
                m.d.comb += Array(after)[address].eq(row)

        for i, (kind, port) in enumerate(zip(self.kinds, self.sites, strict=True)):
            fires = port.valid & port.enable
            address, data = port.operands.address, getattr(port.operands, "row", None)
            if kind.name.endswith("count"):
                address, data = Const(ROWS), Const(1)
            if kind.name in ("read", "stalling_read"):
                m.d.comb += port.results.row.eq(self.carry(m, i, 0, Array(after)[address]))
                if kind.name == "stalling_read":
                    m.d.comb += port.stall[0].eq(noise[i % 16])
            elif kind.name == "late_read":
                row = self.carry(m, i, 1, Array(after)[self.carry(m, i, 0, address)], "row")
                m.d.comb += port.results.row.eq(self.carry(m, i, 2, row, "row"))
            elif kind.name == "write":
                write(fires[0], address, data)
            elif kind.name == "late_write":
                for o in range(2):
                    address, data = self.carry(m, i, o, address, "address"), self.carry(m, i, o, data, "row")
                write(fires[2], address, data)
            else:
                old = self.carry(m, i, 0, Array(rows)[address], "old")
                m.d.comb += port.results.row.eq(old)
                if not kind.name.startswith("stretched"):
                    write(fires[0], address, (Array(rows)[address] + data)[:8])
                else:
                    # What stands at the edge that leaves offset 0 counts, as for a memory with a transparent port.
                    old = self.carry(m, i, 0, Array(after)[address], "held")
                    total = self.carry(m, i, 1, (old + self.carry(m, i, 0, data, "row"))[:8], "total")
                    for o in range(2):
                        address = self.carry(m, i, o, address, "address")
                    write(fires[2], address, total)

        index = self.host.index[:3]
        key_row = self.host.key[:2]
        m.d.comb += [
            self.host_request.eq(self.host.request),
            self.host.done.eq(self.host.request & self.host_grant),
            self.host.result_value.eq(Array(rows)[Mux(self.host.op == HostOp.ENTRY, index, key_row)]),
        ]
        with m.If(self.host.done & (self.host.op == HostOp.UPDATE)):
            m.d.comb += Array(after)[key_row].eq(self.host.value)
        return m


class Toy(MapPlugin):
    """What emitting needs of a map plug-in, and the sites' meaning, for which a list of `CELLS` bytes is the model."""

    type = 99

    def check(self, shape: MapShape) -> None:
        assert shape.max_entries == ROWS

    def model(self, shape: MapShape) -> Any:
        return [0] * CELLS

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> ToyUnit:
        return ToyUnit(shape, sites)

    def evaluate_site(self, model: Any, kind: SiteKind, operands: Sequence[int]) -> int:
        address = ROWS if kind.name.endswith("count") else operands[0]
        old: int = model[address]
        if "write" in kind.name:
            model[address] = operands[2]
        elif "add" in kind.name:
            model[address] = (old + operands[2]) & 0xFF
        elif "count" in kind.name:
            model[address] = (old + 1) & 0xFF
        return old


Rows = dict[str, list[int]]
TOY = Toy()
TYPES = {TOY.type: TOY}


@dataclass
class Program:
    """A graph with sites on toy maps, and a schedule for it."""

    graph: Graph
    schedule: Schedule
    maps: dict[str, MapSpec]

    def pipeline(self, **options: Any) -> Pipeline:
        return emit(self.graph, self.schedule, self.maps, types=TYPES, **options)


def random_program(rng: random.Random) -> Program:
    """A few sites whose predicates, tags and data depend on the frame and on each other."""
    maps = {name: MapSpec(name, Toy.type, 1, 1, ROWS) for name in ("flows", ".data")[: rng.choice((1, 1, 2))]}
    graph = Graph(window=4)
    c = Construct(graph)
    window = c.input("window", 32)
    bytes_ = [c.slice(window, low, 8) for low in range(0, 32, 8)]
    bytes_ += [c.slice(c.input("length", 16), 4, 8), c.slice(c.input("frame_index", 64), 0, 8)]
    bits = [c.slice(b, rng.randrange(8), 1) for b in bytes_]
    tags = [c.slice(window, 0, 2), c.slice(window, 8, 2), c.const(rng.randrange(4), 2)]

    def bit(depth: int = 0) -> Node:
        kind = rng.randrange(6)
        a, b = (bit(depth - 1) if depth else rng.choice(bits[-8:]) for _ in range(2))
        if kind == 0:
            return c.and_(a, b)
        if kind == 1:
            return c.or_(a, b)
        if kind == 2:
            return c.mux(rng.choice(bits), a, b)
        if kind == 3:
            return c.not_(a)
        if kind == 4:
            return c.ult(rng.choice(bytes_), rng.choice(bytes_))
        return a

    sites: dict[str, list[Node]] = {name: [] for name in maps}
    for _ in range(rng.randint(2, 6)):
        for _ in range(rng.randint(0, 4)):
            bits.append(bit())
            bytes_.append(c.op(rng.choice(("add", "sub", "xor", "and")), 8, *rng.choices(bytes_, k=2)))
        unit, kind = rng.choice(list(maps)), rng.choice(KINDS)
        predicate = c.const(1, 1) if rng.random() < 0.3 else bit(rng.randrange(4))
        tag = rng.choice(tags)
        operands = [tag, tag, rng.choice(bytes_)][: len(kind.operands)]
        site = c.site(unit, kind, predicate, *operands)
        for other in sites[unit]:
            if kind.conflicts(other.attr.kind):
                c.order(other, site, other.attr.kind.touch[1] - kind.touch[0] + 1)
        sites[unit].append(site)
        if kind.results:
            # What a site gives while its predicate is false means nothing.
            row = c.mux(predicate, c.field(site, "row"), c.const(0, 8))
            bytes_.append(row)
            bits.append(c.slice(row, rng.randrange(2), 1))
            tags.append(c.slice(row, 0, 2))
    graph.outputs = {"verdict": c.slice(bytes_[-1], 0, 3), "window": c.concat([*bytes_[-3:], c.sext(bits[-1], 9)])}
    return Program(graph, random_schedule(graph, rng), maps)


def random_schedule(graph: Graph, rng: random.Random) -> Schedule:
    """Any legal one, with idle stages here and there."""
    stage = [0] * len(graph.nodes)
    schedule = Schedule(1, ())
    end = 0
    for node in graph.nodes:
        earliest = [0]
        for arg in node.args:
            earliest.append(stage[arg.id] + (arg.attr.kind.latency if arg.op == "site" else 0))
        earliest += [stage[o.before.id] + o.distance for o in graph.order if o.after is node]
        idle = rng.choice((0, 0, 0, 0, 1, 2, 5)) if node.op not in ("input", "const") else 0
        stage[node.id] = max(earliest) + idle
        span = max(node.attr.kind.latency, node.attr.kind.touch[1]) if node.op == "site" else 0
        end = max(end, stage[node.id] + span)
        schedule = Schedule(end + 1 + rng.choice((0, 0, 1)), tuple(stage))
    return schedule


def run_frame(program: Program, number: int, frame: dict[str, int], rows: Rows) -> dict[str, int]:
    """The outputs of one frame on its own; changes ``rows``."""
    values: dict[Node, int] = {}
    for node in program.graph.nodes:
        args = [values[a] for a in node.args]
        if node.op == "const":
            values[node] = node.attr
        elif node.op == "input":
            values[node] = number if node.attr == "frame_index" else frame[node.attr]
        elif node.op == "site":
            predicate, *operands = args
            values[node] = TOY.evaluate_site(rows[node.attr.unit], node.attr.kind, operands) if predicate else 0
        else:
            widths = [a.width for a in node.args]
            values[node] = OPERATORS[node.op].evaluate(node.width, node.attr, widths, args)
    return {name: values[node] for name, node in program.graph.outputs.items()}


def random_frames(rng: random.Random, count: int) -> list[dict[str, int]]:
    """Frames that meet each other: few different values."""
    few = [rng.getrandbits(32) for _ in range(3)]
    return [
        {"window": rng.choice([*few, rng.getrandbits(32)]), "length": rng.randrange(14, 1515)} for _ in range(count)
    ]


class Bench:
    """Runs frames through a pipeline. ``host`` is called in every cycle, before its edge."""

    def __init__(
        self, program: Program, rng: random.Random, gap: float = 0.0, busy: float = 0.0, **options: Any
    ) -> None:
        self.program = program
        self.pipeline = program.pipeline(**options)
        self.rng, self.gap, self.busy = rng, gap, busy
        self.results: list[dict[str, int]] = []
        self.cycles = 0
        self.stalls = dict.fromkeys(self.pipeline.stall_names, 0)

    def run(self, frames: list[dict[str, int]], hosts: Any = None) -> Rows:
        """Returns the maps' rows at the end."""
        dut = self.pipeline
        rows: Rows = {}
        limit = 60 * (len(frames) + 10) + 100 * self.program.schedule.stages

        async def source(ctx: Any) -> None:
            for frame in frames:
                while self.rng.random() < self.gap:
                    await ctx.tick()
                for name, value in frame.items():
                    ctx.set(dut.input.payload[name], value)
                ctx.set(dut.input.valid, 1)
                await ctx.tick().until(dut.input.ready)
                ctx.set(dut.input.valid, 0)

        async def sink(ctx: Any) -> None:
            fields = list(self.program.graph.outputs)
            while len(self.results) < len(frames):
                ctx.set(dut.output.ready, self.rng.random() >= self.busy)
                _, _, valid, ready, payload, causes = await ctx.tick().sample(
                    dut.output.valid, dut.output.ready, dut.output.payload, dut.stall_causes
                )
                self.cycles += 1
                assert self.cycles < limit, "frames are stuck"
                for i, name in enumerate(self.stalls):
                    self.stalls[name] += causes >> i & 1
                if valid and ready:
                    self.results.append({name: payload[name] for name in fields})
            for name, host in dut.hosts.items():
                rows[name] = [(await operate(ctx, host, HostOp.ENTRY, index=i))[2] for i in range(CELLS)]

        simulator = Simulator(dut)
        simulator.add_clock(1e-6)
        simulator.add_testbench(source)
        simulator.add_testbench(sink)
        if hosts is not None:
            simulator.add_testbench(hosts)
        simulator.run()
        return rows


def spaced(program: Program, rng: random.Random) -> Program:
    """The same with frames some stages apart."""
    plan = program.schedule
    return replace(program, schedule=replace(plan, ii=min(rng.choice((2, 3, 5, plan.stages)), plan.stages)))


@pytest.mark.parametrize("apart", [False, True], ids=["near", "apart"])
@pytest.mark.parametrize("seed", SEEDS)
def test_pipeline_equals_one_frame_after_the_other(seed: int, apart: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(seed)
    if rng.random() < 0.7:  # toy values are too small to wait in memories otherwise
        monkeypatch.setattr(liveness, "_SHORTEST_MEMORY", 2)
        monkeypatch.setattr(liveness, "_SMALLEST_MEMORY", rng.choice((1, 60)))
    program = random_program(rng)
    if apart:
        program = spaced(program, rng)
    frames = random_frames(rng, 60)
    bench = Bench(program, rng, gap=rng.choice((0, 0, 0.3)), busy=rng.choice((0, 0, 0.5)), queue=rng.choice((1, 4)))
    rows = bench.run(frames)
    expected_rows = {name: TOY.model(spec) for name, spec in program.maps.items()}
    assert bench.results == [run_frame(program, i, frame, expected_rows) for i, frame in enumerate(frames)]
    assert rows == expected_rows


@dataclass(frozen=True)
class HostCall:
    """What the host did to a map's row, and what it saw."""

    unit: str
    op: HostOp
    row: int
    value: int


@pytest.mark.parametrize("seed", SEEDS)
def test_host_operations_happen_between_two_frames(seed: int) -> None:
    """There is one order of frames and host operations that explains all results and the rows at the end."""
    rng = random.Random(seed + 10_000)
    program = random_program(rng)
    if seed % 2:
        program = spaced(program, rng)
    frames = random_frames(rng, 40)
    calls: list[HostCall] = []
    bench = Bench(program, rng, gap=rng.choice((0, 0, 0.3)), busy=rng.choice((0, 0.5)), queue=4)

    async def host(ctx: Any) -> None:
        for _ in range(6):
            await ctx.tick().repeat(rng.randrange(1, 15))
            unit, op = rng.choice(list(program.maps)), rng.choice((HostOp.LOOKUP, HostOp.UPDATE))
            row, value = rng.randrange(ROWS), rng.randrange(256)
            _, _, seen = await operate(ctx, bench.pipeline.hosts[unit], op, key=row, value=value)
            calls.append(HostCall(unit, op, row, value if op is HostOp.UPDATE else seen))

    end = bench.run(frames, host)
    assert explained(program, frames, bench.results, calls, end)


def explained(
    program: Program, frames: list[dict[str, int]], results: list[dict[str, int]], calls: list[HostCall], end: Rows
) -> bool:
    """Whether some interleaving of frames and calls, each in its own order, gives what was seen."""
    start = tuple((name, (0,) * CELLS) for name in program.maps)
    todo, seen = [(0, 0, start)], set()
    while todo:
        frame, call, state = todo.pop()
        if (frame, call, state) in seen:
            continue
        seen.add((frame, call, state))
        rows = {name: list(values) for name, values in state}
        if frame == len(frames) and call == len(calls) and rows == end:
            return True
        if call < len(calls):
            host = calls[call]
            copy = {name: list(values) for name, values in rows.items()}
            if host.op is HostOp.UPDATE:
                copy[host.unit][host.row] = host.value
            if copy[host.unit][host.row] == host.value:
                todo.append((frame, call + 1, tuple((n, tuple(v)) for n, v in copy.items())))
        if frame < len(frames) and run_frame(program, frame, frames[frame], rows) == results[frame]:
            todo.append((frame + 1, call, tuple((n, tuple(v)) for n, v in rows.items())))
    return False


def straight_program(kinds: list[str], stages: list[int]) -> Program:
    """Sites of the given kinds in the given stages, all on the row that the frame's first byte names."""
    graph = Graph(window=4)
    c = Construct(graph)
    window = c.input("window", 32)
    tag = c.slice(window, 0, 2)
    stage = {}
    for name, issue in zip(kinds, stages, strict=True):
        kind = next(kind for kind in KINDS if kind.name == name)
        operands = [tag, tag, c.slice(window, 8, 8)][: len(kind.operands)]
        stage[c.site("flows", kind, c.const(1, 1), *operands)] = issue
    graph.outputs = {"verdict": c.slice(window, 0, 3)}
    last = max(issue + 3 for issue in stages)
    return Program(
        graph,
        Schedule(last + 1, tuple(stage.get(node, 0) for node in graph.nodes)),
        {"flows": MapSpec("flows", Toy.type, 1, 1, ROWS)},
    )


@pytest.mark.parametrize(
    ("kinds", "stages"),
    [(["read", "write"], [1, 2]), (["add"], [0]), (["late_read", "write"], [0, 1]), (["write", "write"], [2, 2])],
)
def test_one_entry_runs_at_line_rate_when_reads_meet_writes_at_the_memory(kinds: list[str], stages: list[int]) -> None:
    program = straight_program(kinds, stages)
    bench = Bench(program, random.Random(0))
    bench.run([{"window": 1}] * 50)
    assert bench.pipeline.hazards == []
    assert bench.cycles == 50 + bench.pipeline.latency
    assert not any(bench.stalls.values())


@pytest.mark.parametrize(
    ("kinds", "stages", "cost"),
    [
        (["read", "write"], [0, 2], 1),
        (["read", "write"], [1, 5], 3),
        (["stretched_add"], [0], 2),
        (["add", "add"], [0, 3], 3),
    ],
)
def test_one_entry_waits_as_long_as_its_hazard_says_and_others_do_not(
    kinds: list[str], stages: list[int], cost: int
) -> None:
    program = straight_program(kinds, stages)
    same, other = (Bench(program, random.Random(0)) for _ in range(2))
    same.run([{"window": 2}] * 50)
    other.run([{"window": i % ROWS} for i in range(50)])
    assert max(hazard.cost for hazard in same.pipeline.hazards) == cost
    assert same.stalls["flows interlock"] == 49 * cost
    assert same.cycles == 50 + 49 * cost + same.pipeline.latency
    assert not any(other.stalls.values())


@pytest.mark.parametrize(("ii", "cost"), [(2, 3), (4, 1), (5, 0), (8, 0)])
def test_frames_that_enter_apart_wait_less_and_never_come_faster(ii: int, cost: int) -> None:
    program = straight_program(["read", "write"], [0, 5])
    program = replace(program, schedule=replace(program.schedule, ii=ii))
    bench = Bench(program, random.Random(0))
    bench.run([{"window": 2}] * 50)
    assert max((hazard.cost for hazard in bench.pipeline.hazards), default=0) == cost
    assert bench.cycles == 1 + 49 * (ii + cost) + bench.pipeline.latency


def test_output_queue_takes_frames_while_the_output_waits() -> None:
    program = straight_program(["read"], [0])
    bench = Bench(program, random.Random(0), queue=8)

    async def watch(ctx: Any) -> None:
        accepted = 0
        for _ in range(100):
            _, _, ready, valid = await ctx.tick().sample(bench.pipeline.input.ready, bench.pipeline.input.valid)
            accepted += ready and valid
        assert accepted == 8 + program.schedule.stages

    simulator = Simulator(bench.pipeline)
    simulator.add_clock(1e-6)

    async def source(ctx: Any) -> None:
        ctx.set(bench.pipeline.input.valid, 1)

    simulator.add_testbench(source)
    simulator.add_testbench(watch)
    simulator.run()
