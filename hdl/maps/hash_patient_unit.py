"""The hardware of hash maps where frames leave the time: every access is a walk, slot after slot.

It is `HashUnit` without its fast path: one comparator instead of twelve and more, one copy of the keys, in a memory
with a slot in each row, which wastes no block memory. Slots and overflow are the same, and so is what makes it exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib.memory import Memory

from ..area import Area
from ..verilog_memory import NO_COLLISIONS
from .base import MapShape, SiteKind
from .hash_scan import scan_cycles
from .hash_unit import HashUnit
from .hash_walker import Walker
from .hash_walking_site import WalkingSite
from .rows import ValueRows
from .table import Table

BEGIN, END = 2, 2
"""Cycles of a walk before the scan (a site asks, the walker begins) and behind it (what follows, and a new key)."""


def walk_cycles(table: Table) -> int:
    """Cycles of a walk without the value's rows."""
    return BEGIN + scan_cycles(table) + END


def frame_hold(kinds: Sequence[SiteKind], rows: ValueRows, table: Table) -> int:
    """Cycles that all accesses of a frame together take."""
    look = walk_cycles(table)
    lookups, changes = (sum(kind.name == name for kind in kinds) for name in ("lookup", "change"))
    return lookups * look + changes * (look + rows.rows)


class PatientHashUnit(HashUnit):
    """Sites and ports are those of `HashUnit`. Frames must be two stages apart."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table) -> None:
        super().__init__(shape, kinds, rows, table)
        self.frame_hold = frame_hold(kinds, rows, table)
        self.site_hold = self.frame_hold + sum(kind.name == "write" for kind in kinds)
        self.host_hold = walk_cycles(table) + rows.rows

    def logic(self) -> Area:
        keyed = sum(kind.name in ("lookup", "change") for kind in self.kinds)
        key, value = self.table.key_bits, 8 * self.rows.value_size
        # A comparator, two hash functions, and which of the sites and the host has its turn.
        luts = 300 + 0.7 * key + 0.2 * key * self.table.index_bits + (1 + keyed) * (key + value) / 2
        return Area(lut4=luts, flip_flops=300 + key + 2 * value + keyed * (key + value))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table, records = self.table, self.records
        m.submodules.walker = walker = Walker(table, self.rows, len(self.entries), scans=True)
        sites = [
            WalkingSite(m, f"{kind.name}_{i}", self.sites[i], table, self.rows)
            for i, kind in enumerate(self.kinds)
            if kind.name in ("lookup", "change")
        ]
        commit, slot = walker.commit, walker.outcome.slot

        m.submodules.keys = keys = Memory(shape=records.place_layout, depth=table.slots, init=[], attrs=NO_COLLISIONS)
        store, fetch = keys.write_port(), keys.read_port()
        m.d.comb += [
            store.addr.eq(slot),
            store.data.eq(Cat(commit.present, commit.key)),
            store.en.eq(commit.table.any()),
            fetch.addr.eq(walker.place_address),
            walker.place.eq(fetch.data),
        ]
        bits = len(walker.count)
        m.submodules.counts = counts = Memory(shape=bits, depth=table.buckets, init=[], attrs=NO_COLLISIONS)
        store, count = counts.write_port(), counts.read_port()
        m.d.comb += [
            store.addr.eq(walker.address0),
            store.data.eq(walker.count_out),
            store.en.eq(walker.count_store),
            count.addr.eq(walker.address0),
            walker.count.eq(count.data),
            walker.full.eq(self.entries == self.shape.max_entries),
        ]
        self._values(m, walker, commit)

        self.between_frames(m, walker, [fetch], self._walks(m, walker, sites))
        return m

    def _slot_of(self, fetch: Sequence[Any], slot: Value) -> tuple[list[Any], Value, Value]:
        (port,) = fetch
        return [port.addr.eq(slot)], port.data.present, port.data.key
