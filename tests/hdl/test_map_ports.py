"""The memories of maps have one port to write, whatever a program does: who waits for it, and that nothing is lost."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator
from typing import Any

import pytest
from amaranth.hdl import Fragment
from amaranth.lib.memory import Memory
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import SiteKind
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.unit import HostOp
from map_bench import ARRAY, HASH, Bench, Program, back_to_back, operate, order_sites, random_frames, random_schedule


def kinds_of_everything(spec: MapSpec) -> Iterator[SiteKind]:
    """Of a program that does everything twice."""
    graph = Graph(window=64)
    c, plugin = Construct(graph), MAP_TYPES[spec.type]
    window = c.input("window", 8 * 64)
    for number in range(2):
        wanted, key = c.slice(window, number, 1), c.slice(window, 8 + 64 * number, 8 * spec.key_size)
        value = c.slice(window, 0, 8 * spec.value_size)
        plugin.lower_update(c, spec, wanted, key, value, c.const(0, 64))
        entry = plugin.lower_lookup(c, spec, wanted, key)
        row = c.field(c.site(spec.name, plugin.read_kind(spec), wanted, entry.address, entry.tag), "row")
        ones = c.const((1 << plugin.row_bytes(spec)) - 1, plugin.row_bytes(spec))
        c.site(spec.name, plugin.write_kind(spec), wanted, entry.address, entry.tag, row, ones)
        if spec.type != ARRAY:
            plugin.lower_delete(c, spec, wanted, key)
    return (node.attr.kind for node in graph.nodes if node.op == "site")


@pytest.mark.parametrize("map_type", [1, 2, 5, 6, 9, 10])
def test_no_memory_has_a_second_port_to_write(map_type: int) -> None:
    spec = MapSpec("m", map_type, 4, 32, 300)
    memories: list[Memory] = []

    class Collector:
        def get_memory(self, memory: Memory) -> Fragment:
            memories.append(memory)
            return Fragment()

    kinds = list(kinds_of_everything(spec))
    Fragment.get(MAP_TYPES[map_type].hardware(spec, kinds), Collector())
    assert {len(memory.write_ports) for memory in memories} == {1}
    values = max(memories, key=lambda memory: memory.depth)
    assert len(values.read_ports) == sum(kind.name == "read" for kind in kinds)  # the host borrows one of them


@pytest.mark.parametrize("value_size", [8, 130])
@pytest.mark.parametrize("seed", range(6))
def test_an_update_waits_while_older_frames_write_and_those_lose_nothing(seed: int, value_size: int) -> None:
    """The update comes first in the program, so that in the pipeline writes of older frames are at the same edge."""
    rng = random.Random(seed)
    spec = MapSpec("m", HASH, 2, value_size, 12)
    graph = Graph(window=24)
    c, plugin = Construct(graph), MAP_TYPES[HASH]
    window = c.input("window", 8 * 24)
    filling = c.slice(window, 112, 64)
    value = filling if value_size == 8 else c.concat([filling] * 16 + [c.const(5, 16)])
    inserts = c.slice(window, 1, 1)
    error = plugin.lower_update(c, spec, inserts, c.slice(window, 8, 16), value, c.const(0, 64))
    entry = plugin.lower_lookup(c, spec, c.const(1, 1), c.slice(window, 72, 16))
    row = c.field(c.site(spec.name, plugin.read_kind(spec), entry.found, entry.address, entry.tag), "row")
    more = c.op("add", row.width, row, c.const(1, row.width))
    ones = c.const((1 << plugin.row_bytes(spec)) - 1, plugin.row_bytes(spec))
    c.site(spec.name, plugin.write_kind(spec), entry.found, entry.address, entry.tag, more, ones)
    order_sites(c)
    error = c.mux(inserts, error, c.const(0, 64))
    row = c.mux(entry.found, row, c.const(0, row.width))
    graph.outputs = {"verdict": c.const(2, 3), "window": c.concat([error, row])}
    plan = dataclasses.replace(random_schedule(graph, rng), ii=1)  # frames far apart never meet
    program = Program(graph, plan, spec, [rng.getrandbits(16) for _ in range(10)])

    bench = back_to_back(program, rng)
    late = [hazard for hazard in bench.dut.hazards if hazard.early.attr.kind.share_port(hazard.late.attr.kind)]
    assert [(hazard.early.attr.kind.name, hazard.late.attr.kind.name) for hazard in late] == [("change", "write")]
    assert not late[0].compared[-1]  # whatever the keys


def test_the_host_reads_through_the_port_of_a_site_without_harm_to_waiting_frames() -> None:
    """Rows that were fetched stay in the memory's output register while the output is blocked, which the host uses."""
    rng = random.Random(5)
    rows = [rng.randbytes(8) for _ in range(64)]
    spec = dataclasses.replace(MapSpec("m", ARRAY, 4, 8, 64), initial=b"".join(rows))
    graph = Graph(window=24)
    c, plugin = Construct(graph), MAP_TYPES[ARRAY]
    key = c.slice(c.input("window", 8 * 24), 8, 32)
    entry = plugin.lower_lookup(c, spec, c.const(1, 1), key)
    row = c.field(c.site(spec.name, plugin.read_kind(spec), entry.found, entry.address, entry.tag), "row")
    graph.outputs = {"verdict": c.const(2, 3), "window": c.concat([row, key])}
    program = Program(graph, random_schedule(graph, rng), spec, list(range(64)))
    frames = random_frames(program, rng, 200)
    bench = Bench(program, rng)
    bench.gap, bench.busy = 0, 0.8  # so that the output's queue fills up and frames wait in the last stage

    async def host(ctx: Any) -> None:
        bench.host_idle = False
        for _ in range(60):
            await ctx.tick().repeat(rng.randrange(1, 9))
            index = rng.randrange(64)
            status, _, value = await operate(ctx, bench.dut.hosts["m"], HostOp.LOOKUP, key=index)
            assert (status, value) == (0, int.from_bytes(rows[index], "little"))
        bench.host_idle = True

    bench.run(frames, host)
    keys = [frame >> 8 & 0xFFFFFFFF for frame in frames]
    assert bench.outputs == [int.from_bytes(rows[key], "little") | key << 64 for key in keys]
