"""A map's unit alone, operated by the host."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from amaranth.hdl import ResetInserter, Signal
from amaranth.sim import Simulator
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import SiteKind
from hardpath.hdl.maps.hash import Kinds
from hardpath.hdl.maps.linux import E2BIG, ENOENT
from hardpath.hdl.maps.lpm_trie import LpmTrie, lookup_kind
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.unit import HostOp

SPEEDS = ("fast", "patient", "hurried")
"""Hardware for a frame a cycle; that which is smallest; that for the fewest cycles that are enough."""


def patient_hardware(spec: MapSpec, kinds: Sequence[SiteKind], speed: str) -> Any:
    """The unit of a hash map or LPM trie for one of the `SPEEDS`, but the first."""
    cycles = itertools.count() if speed == "hurried" else [1 << 20]
    interval = 2 if spec.type != LpmTrie.type else 64
    units = (MAP_TYPES[spec.type].patient_hardware(spec, kinds, interval, each) for each in cycles)
    return next(unit for unit in units if unit is not None)


def some_kind(spec: MapSpec) -> SiteKind:
    """A site for which its hardware may take its time."""
    rows = MAP_TYPES[spec.type].layout(spec)
    return lookup_kind(spec, rows, whole=True) if spec.type == LpmTrie.type else Kinds(spec, rows).change()


class Device:
    """A unit whose host may always operate. ``speed``: one of `SPEEDS`. ``held``: cycles in which it would have held
    frames since `run` began, ``turns``: how often that began."""

    def __init__(self, spec: MapSpec, kinds: Sequence[SiteKind] = (), speed: str = "fast") -> None:
        self.spec = spec
        plugin = MAP_TYPES[spec.type]
        if speed == "fast":
            self.unit = plugin.hardware(spec, kinds)
        else:
            self.unit = patient_hardware(spec, [some_kind(spec)], speed)
        self.held = self.turns = 0
        self._reset = Signal()

    def run(self, testbench: Callable[[Device], Awaitable[None]]) -> None:
        async def process(ctx: Any) -> None:
            self.ctx = ctx
            await testbench(self)

        async def grant(ctx: Any) -> None:
            while True:
                ctx.set(self.unit.host_grant, ctx.get(self.unit.host_request))
                await ctx.changed(self.unit.host_request)

        async def count(ctx: Any) -> None:
            before = 0
            async for _, _, requested in ctx.tick().sample(self.unit.host_request):
                self.held += requested
                self.turns += requested > before
                before = requested

        simulator = Simulator(ResetInserter(self._reset)(self.unit))
        simulator.add_clock(1e-6)
        simulator.add_testbench(process)
        simulator.add_testbench(grant, background=True)
        simulator.add_testbench(count, background=True)
        simulator.run()

    async def __call__(
        self, op: HostOp, key: bytes = b"", value: bytes = b"", flags: int = 0, index: int = 0
    ) -> tuple[int, bytes, bytes]:
        """Status, key, value."""
        ctx, host = self.ctx, self.unit.host
        ctx.set(host.op, op)
        ctx.set(host.key, int.from_bytes(key, "little"))
        ctx.set(host.value, int.from_bytes(value, "little"))
        ctx.set(host.flags, flags)
        ctx.set(host.index, index)
        ctx.set(host.request, 1)
        for self.cycles in range(1, 4000):
            _, _, done, status, result_key, result_value = await ctx.tick().sample(
                host.done, host.status, host.result_key, host.result_value
            )
            if done:
                break
        assert done, f"{op.name} does not end"
        ctx.set(host.request, 0)
        await ctx.tick()
        return (
            status - (1 << 32) if status >> 31 else status,
            result_key.to_bytes(self.spec.key_size, "little"),
            result_value.to_bytes(self.spec.value_size, "little"),
        )

    async def reset(self) -> None:
        """For a cycle, between operations."""
        self.ctx.set(self._reset, 1)
        await self.ctx.tick()
        self.ctx.set(self._reset, 0)

    async def settle(self) -> None:
        """Until the unit wants nothing any more."""
        while self.ctx.get(self.unit.host_request):
            await self.ctx.tick()

    async def entries(self) -> dict[bytes, bytes]:
        """What ENTRY tells; no key twice."""
        found: dict[bytes, bytes] = {}
        index = 0
        while True:
            status, key, value = await self(HostOp.ENTRY, index=index)
            if status == -E2BIG:
                return found
            if status == 0:
                key = key or index.to_bytes(4, "little")
                assert key not in found
                found[key] = value
            else:
                assert status == -ENOENT
            index += 1
