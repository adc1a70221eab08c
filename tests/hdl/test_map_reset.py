"""Maps survive a reset. One in the middle of the host's operation leaves what was before it or what comes after, and
frames find what the host lists."""

from __future__ import annotations

import copy
import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from hardpath.codegen.emit import emit
from hardpath.codegen.emit.pipeline import Pipeline
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.schedule import schedule
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import MapModel
from hardpath.hdl.maps.lpm_range_unit import LpmRangeUnit
from hardpath.hdl.maps.lpm_scan_unit import LpmScanUnit
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.rows import ROW_LIMIT
from hardpath.hdl.maps.unit import HostOp
from hardpath.hdl.target import Target
from map_bench import LPM_TRIE, NO_PREALLOC, entries, operate, order_sites

LENGTH_BYTES = 4
INTERVAL = 4
"""Stages between frames; enough for a table of ranges of two entries."""


def looking_up(spec: MapSpec) -> Graph:
    """Whether there is an entry for the whole key in the frame, and the first row of its value."""
    size = spec.key_size - LENGTH_BYTES
    graph = Graph(window=size)
    c, plugin = Construct(graph), MAP_TYPES[spec.type]
    key = c.concat([c.const(8 * size, 8 * LENGTH_BYTES), c.input("window", 8 * size)])
    entry = plugin.lower_lookup(c, spec, c.const(1, 1), key)
    row = c.field(c.site(spec.name, plugin.read_kind(spec), entry.found, entry.address, entry.tag), "row")
    order_sites(c)
    shown = c.mux(entry.found, row, c.const(0, row.width))
    graph.outputs = {"verdict": c.const(2, 3), "window": c.concat([entry.found, shown])}
    return graph


class Sight:
    """What host and frames see of a map, in hardware or in a model of it."""

    def __init__(self, spec: MapSpec, probes: Sequence[bytes]) -> None:
        self._spec, self._probes = spec, probes
        self._row = MAP_TYPES[spec.type].row_bytes(spec)

    async def of(self, ctx: Any, dut: Pipeline) -> tuple[object, object]:
        listed = dict(await entries(ctx, dut.hosts["m"], self._spec))
        found: list[bytes | None] = []
        ctx.set(dut.output.ready, 1)
        for probe in self._probes:
            ctx.set(dut.input.payload.window, int.from_bytes(probe, "little"))
            ctx.set(dut.input.valid, 1)
            await ctx.tick().until(dut.input.ready)
            ctx.set(dut.input.valid, 0)
            (window,) = await ctx.tick().sample(dut.output.payload.window).until(dut.output.valid)
            found.append((window >> 1).to_bytes(self._row, "little") if window & 1 else None)
        return listed, found

    def of_model(self, model: MapModel) -> tuple[object, object]:
        whole = 8 * len(self._probes[0])
        handles = [model.lookup(whole.to_bytes(LENGTH_BYTES, "little") + probe) for probe in self._probes]
        found = [None if handle is None else bytes(model.value(handle))[: self._row] for handle in handles]
        return dict(model.items()), found


def prefix(length: int, *data: int, size: int) -> bytes:
    return length.to_bytes(LENGTH_BYTES, "little") + bytes(data).ljust(size, b"\0")


def made(model: MapModel, op: HostOp, key: bytes, value: bytes) -> int:
    return model.delete(key) if op == HostOp.DELETE else model.update(key, value, 0)


@pytest.mark.parametrize(
    "unit, key_size, value_size",
    [(LpmRangeUnit, 5, 2), (LpmRangeUnit, 5, ROW_LIMIT + 1), (LpmScanUnit, 37, 2), (LpmScanUnit, 37, ROW_LIMIT + 1)],
)
def test_a_reset_leaves_what_was_before_or_what_comes_after(unit: type, key_size: int, value_size: int) -> None:
    spec, rng = MapSpec("m", LPM_TRIE, key_size, value_size, 2, NO_PREALLOC), random.Random(1)
    size = key_size - LENGTH_BYTES
    everything, half, quarter = (prefix(*each, size=size) for each in ((0,), (1, 0x80), (2, 0xC0)))
    probes = [bytes([first]).ljust(size, b"\0") for first in (0x00, 0x7F, 0x80, 0xBF, 0xC0)]
    operations = [
        (HostOp.UPDATE, half),
        (HostOp.UPDATE, everything),
        (HostOp.UPDATE, quarter),  # which is one too many
        (HostOp.DELETE, half),
        (HostOp.UPDATE, quarter),
        (HostOp.DELETE, everything),
        (HostOp.DELETE, half),  # which is gone
    ]
    if value_size <= ROW_LIMIT:  # larger ones are replaced row by row, between two frames
        operations.insert(2, (HostOp.UPDATE, half))
    graph = looking_up(spec)
    plan = schedule(graph, Target())
    plan = Schedule(plan.stages, plan.stage, ii=INTERVAL)
    dut = emit(graph, plan, {"m": spec}, types=MAP_TYPES, frame_cycles=INTERVAL)
    assert type(dut._units["m"]) is unit
    sight, model, reset = Sight(spec, probes), MAP_TYPES[LPM_TRIE].model(spec), Signal()
    interrupted = 0

    async def is_cut_short(ctx: Any, cycles: int, op: HostOp, **operands: int) -> bool:
        """Begin an operation and reset everything ``cycles`` later, unless it is done by then."""
        host = dut.hosts["m"]
        ctx.set(host.op, op)
        for name, value in operands.items():
            ctx.set(getattr(host, name), value)
        ctx.set(host.request, 1)
        for _ in range(cycles):
            _, _, done = await ctx.tick().sample(host.done)
            if done:
                ctx.set(host.request, 0)
                await ctx.tick()
                return False
        ctx.set(reset, 1)
        await ctx.tick()
        ctx.set(host.request, 0)
        ctx.set(reset, 0)
        await ctx.tick()
        return True

    async def testbench(ctx: Any) -> None:
        nonlocal interrupted
        for op, key in operations:
            value, after = rng.randbytes(value_size), copy.deepcopy(model)
            status = made(after, op, key, value)
            old = dict(model.items()).get(key)
            expected, seen = [sight.of_model(each) for each in (model, after)], list[object]()
            numbers = {"key": int.from_bytes(key, "little"), "value": int.from_bytes(value, "little"), "flags": 0}
            for cycles in itertools.count():
                if not await is_cut_short(ctx, cycles, op, **numbers):
                    break
                interrupted += 1
                now = await sight.of(ctx, dut)
                assert now in expected, f"{op.name} of {key.hex()}, reset after {cycles} cycles"
                seen.append(now)
                if now != expected[0]:  # undo it
                    undo = HostOp.DELETE if old is None else HostOp.UPDATE
                    numbers_of_old = {**numbers, "value": int.from_bytes(old or b"", "little")}
                    assert (await operate(ctx, dut.hosts["m"], undo, **numbers_of_old))[0] == 0
            assert all(each in seen for each in expected)
            assert ctx.get(dut.hosts["m"].status) == status & 0xFFFFFFFF
            assert await sight.of(ctx, dut) == expected[1]
            made(model, op, key, value)

    simulator = Simulator(ResetInserter(reset)(dut))
    simulator.add_clock(1e-6)
    simulator.add_testbench(testbench)
    simulator.run()
    assert interrupted > 10 * len(operations)
