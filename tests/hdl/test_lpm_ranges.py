"""LPM tries as tables of ranges (`hdl.maps.lpm_range_unit`), which frames search while the host changes them."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from amaranth.sim import Simulator
from hardpath.codegen.emit.pipeline import Pipeline
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.evaluate import Evaluator
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.schedule import schedule
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.lpm_range_unit import MOST_ENTRIES, LpmRangeUnit
from hardpath.hdl.maps.lpm_ranges import Ranges
from hardpath.hdl.maps.lpm_trie import change_kind
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.trie import Trie
from hardpath.hdl.maps.unit import HostOp, MapUnit
from hardpath.hdl.target import Target
from host_frames import host_and_frames
from map_bench import LPM_TRIE, NO_PREALLOC, Bench, Program, operate, order_sites, random_schedule


def searching(spec: MapSpec, length: int | None = None) -> Graph:
    """Looks up whole keys (or ``length`` bits of them) and adds to a byte of what it finds."""
    graph = Graph(window=24)
    c, plugin = Construct(graph), MAP_TYPES[spec.type]
    window = c.input("window", 8 * 24)
    bits = 8 * (spec.key_size - 4)
    key = c.concat([c.const(bits if length is None else length, 32), c.slice(window, 8 * 5, bits)])
    goes = c.slice(window, 0, 1)
    entry = plugin.lower_lookup(c, spec, goes, key)
    found = c.and_(goes, entry.found)
    row = c.field(c.site(spec.name, plugin.read_kind(spec), found, entry.address, entry.tag), "row")
    size = plugin.row_bytes(spec)
    more = c.op("add", 8 * size, row, c.const(1, 8 * size))
    c.site(spec.name, plugin.write_kind(spec), found, entry.address, entry.tag, more, c.const(1, size))
    order_sites(c)
    graph.outputs = {"verdict": c.const(2, 3), "window": c.concat([found, c.mux(found, row, c.const(0, 8 * size))])}
    return graph


def steps(spec: MapSpec) -> int:
    return Ranges(Trie.of(spec)).steps


def unit_of(dut: Pipeline) -> MapUnit:
    (unit,) = dut._units.values()
    return unit


@pytest.mark.parametrize("seed", range(600, 616))
def test_frames_search_a_table_that_the_host_changes_between_two_of_them(seed: int) -> None:
    rng = random.Random(seed)
    spec = MapSpec("m", LPM_TRIE, 5, rng.choice((1, 8, 130)), rng.choice((1, 2, 3, 6, 7)), NO_PREALLOC)
    graph = searching(spec)
    plan = random_schedule(graph, rng)
    plan = Schedule(plan.stages, plan.stage, ii=rng.randint(steps(spec) + 1, max(steps(spec) + 1, plan.stages)))
    # Prefixes around and in each other, the ends of all keys among them.
    keys = [rng.randrange(10) | rng.choice((0, 255, rng.getrandbits(8))) << 32 for _ in range(16)]
    bench = host_and_frames(Program(graph, plan, spec, keys, plan.ii), rng, 24)
    assert isinstance(unit_of(bench.dut), LpmRangeUnit)


def borders(prefixes: Iterable[bytes], bits: int) -> Iterator[int]:
    """The first and the last key of each prefix, and their neighbours outside."""
    for prefix in prefixes:
        free = (1 << bits - prefix[0]) - 1
        start = int.from_bytes(prefix[4:], "big") & ~free
        yield from ((key & (1 << bits) - 1) for key in (start - 1, start, start | free, (start | free) + 1))


@pytest.mark.parametrize("entries, bits, rounds", [(7, 8, 14), (20, 32, 8)])
def test_every_key_finds_its_longest_prefix_as_prefixes_come_and_go(entries: int, bits: int, rounds: int) -> None:
    """All keys of 8 bits, all at the ends of prefixes of 32, as close as frames may be; full tables included."""
    rng = random.Random(1)
    size = bits // 8
    spec = MapSpec("m", LPM_TRIE, 4 + size, 2, entries, NO_PREALLOC)
    graph = searching(spec)
    plan = schedule(graph, Target())
    plan = Schedule(plan.stages, plan.stage, ii=steps(spec) + 1)
    dut = Bench(Program(graph, plan, spec, [], plan.ii), rng).dut
    assert isinstance(unit_of(dut), LpmRangeUnit) and dut.frame_hold == 0
    evaluator = Evaluator(graph, {"m": spec}, {"m": MAP_TYPES[LPM_TRIE].model(spec)})
    model, most = evaluator.models["m"], 0
    nested = [bytes(size), b"\xff" * size, *(rng.randbytes(size) for _ in range(3))]

    async def testbench(ctx: Any) -> None:
        nonlocal most
        ctx.set(dut.output.ready, 1)
        tried = set()
        for number in range(rounds):
            for _ in range(entries // 2):
                data = rng.choice((*nested, rng.randbytes(size)))
                key = bytes([rng.randrange(bits + 1), 0, 0, 0, *data])
                value, removes = rng.randbytes(2), number % 7 > 4
                if removes:
                    key = rng.choice([*(each for each, _ in model.items()), key])
                tried.add(key)
                op = HostOp.DELETE if removes else HostOp.UPDATE
                numbers = {"key": int.from_bytes(key, "little"), "value": int.from_bytes(value, "little")}
                status, _, _ = await operate(ctx, dut.hosts["m"], op, **numbers)
                assert status == (model.delete(key) if removes else model.update(key, value, 0))
            most = max(most, len(list(model.items())))
            keys = range(256) if bits == 8 else sorted(set(borders(tried, bits)))
            frames = [1 | int.from_bytes(key.to_bytes(size, "big"), "little") << 40 for key in keys]
            outputs: list[int] = []
            cycles = 0
            while len(outputs) < len(frames):
                ctx.set(dut.input.valid, cycles // plan.ii < len(frames))
                ctx.set(dut.input.payload.window, frames[min(len(frames) - 1, cycles // plan.ii)])
                _, _, ready, valid, window = await ctx.tick().sample(
                    dut.input.ready, dut.output.valid, dut.output.payload.window
                )
                assert ready == (cycles % plan.ii == 0) or cycles // plan.ii >= len(frames)
                cycles += 1
                if valid:
                    outputs.append(window)
            assert outputs == [evaluator.outputs({"window": frame})["window"] for frame in frames]

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert most == spec.max_entries


def test_only_what_never_waits_searches_in_a_table() -> None:
    """Frames too close, keys that are not whole, a second lookup, a trie that the program changes, and one so large
    that the host would wait: they get a memory for each level."""
    spec = MapSpec("m", LPM_TRIE, 8, 4, 100, NO_PREALLOC)
    plugin = MAP_TYPES[LPM_TRIE]
    (site,) = (node for node in searching(spec).nodes if node.op == "site" and node.attr.kind.name == "lookup")
    (partial,) = (node for node in searching(spec, 31).nodes if node.op == "site" and node.attr.kind.name == "lookup")
    lookup, enough = site.attr.kind, steps(spec) + 1
    assert isinstance(plugin.patient_hardware(spec, [lookup], enough, 0), LpmRangeUnit)
    assert plugin.patient_hardware(spec, [lookup], enough - 1, 99) is None
    assert plugin.patient_hardware(spec, [partial.attr.kind], enough, 99) is None
    assert plugin.patient_hardware(spec, [lookup, lookup], enough, 99) is None
    assert plugin.patient_hardware(spec, [lookup, change_kind(spec)], enough, 99) is None
    large = MapSpec("m", LPM_TRIE, 8, 4, MOST_ENTRIES + 1, NO_PREALLOC)
    assert plugin.patient_hardware(large, [lookup], 99, 99) is None
