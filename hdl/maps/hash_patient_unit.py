"""The hardware of hash maps where frames leave the time: every access is a walk, row after row.

It is `HashUnit` without its fast path: as many comparators as there are slots in a row (one, or more where there is
less time) and one copy of the keys, in one memory, whose rows waste no block memory. Slots and overflow are the same,
and so is what makes it exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from amaranth.hdl import Cat, Module, Value
from amaranth.lib import data
from amaranth.lib.memory import Memory

from ..area import Area, memory
from ..verilog_memory import NO_COLLISIONS
from .base import MapShape, SiteKind
from .hash_scan import scan_cycles
from .hash_unit import HashUnit
from .hash_walker import Walker
from .hash_walking_site import WalkingSite
from .rows import ValueRows
from .table import Table

INTERVAL = 2
"""Stages between frames at least."""

BEGIN = 1
"""Cycles of a walk before the scan: a site asks, the first row is fetched."""


def walk_cycles(table: Table, row_slots: int) -> int:
    """Cycles of a walk that changes nothing."""
    return BEGIN + scan_cycles(table, row_slots)


def frame_hold(kinds: Sequence[SiteKind], rows: ValueRows, table: Table, row_slots: int) -> int:
    """Cycles that all accesses of a frame together take."""
    look = walk_cycles(table, row_slots)
    lookups, changes = (sum(kind.name == name for kind in kinds) for name in ("lookup", "change"))
    return lookups * look + changes * (look + rows.rows)


def choices(tables: Sequence[Table], rows: ValueRows, interval: int) -> list[tuple[Table, ValueRows, int]]:
    """Tables, where they have values, and slots that a row may have: those first that take the fewest block memories
    and comparators; none if frames are closer than this hardware can stand. ``rows``: of the values, in any table."""
    if interval < INTERVAL:
        return []

    def cost(choice: tuple[Table, ValueRows, int]) -> tuple[int, int]:
        table, values, row_slots = choice
        keys = memory(row_slots * table.slot_bits, table.slots // row_slots, 1, parts=row_slots)
        return (keys + memory(8 * values.row_bytes, values.depth, 1, parts=values.row_bytes)).block_rams, row_slots

    each = (
        (table, replace(rows, entries=table.slots), 1 << i) for table in tables for i in range(table.way_bits + 1)
    )
    return sorted(each, key=cost)


class PatientHashUnit(HashUnit):
    """Sites and ports are those of `HashUnit`, addresses have no more bits. ``table``, ``rows`` and ``row_slots``: of
    `choices`."""

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table, row_slots: int
    ) -> None:
        super().__init__(shape, kinds, rows, table)
        self.row_slots = row_slots
        self.frame_hold = frame_hold(kinds, rows, table, row_slots)
        self.site_hold = self.frame_hold + sum(kind.name == "write" for kind in kinds)
        self.host_hold = walk_cycles(table, row_slots) + rows.rows + 3  # a slot for ENTRY, and the grant

    def logic(self) -> Area:
        keyed = sum(kind.name in ("lookup", "change") for kind in self.kinds)
        key, value = self.table.key_bits, 8 * self.rows.value_size
        # Comparators, two hash functions, and which of the sites and the host has its turn.
        luts = 300 + 0.7 * key * self.row_slots + 0.2 * key * self.table.index_bits + (1 + keyed) * (key + value) / 2
        return Area(lut4=luts, flip_flops=300 + key + 2 * value + keyed * (key + value))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table, records = self.table, self.records
        m.submodules.walker = walker = Walker(table, self.rows, len(self.entries), self.row_slots)
        sites = [
            WalkingSite(m, f"{kind.name}_{i}", self.sites[i], table, self.rows)
            for i, kind in enumerate(self.kinds)
            if kind.name in ("lookup", "change")
        ]
        commit, slot = walker.commit, walker.outcome.slot

        layout = data.ArrayLayout(records.place_layout, self.row_slots)
        depth = table.slots // self.row_slots
        m.submodules.keys = keys = Memory(shape=layout, depth=depth, init=[], attrs=NO_COLLISIONS)
        store, fetch = keys.write_port(granularity=1), keys.read_port()
        row, place = self.split(slot)
        m.d.comb += [
            store.addr.eq(row),
            store.data.eq(Cat(commit.present, commit.key).replicate(self.row_slots)),
            store.en.eq(commit.table.any() << place),
            fetch.addr.eq(walker.place_address),
            walker.places.eq(fetch.data),
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

    def split(self, slot: Value) -> tuple[Value, Value]:
        """The number of a slot's row, and of its place in there."""
        bits = (self.row_slots - 1).bit_length()
        return slot[bits:], slot[:bits]

    def place_in(self, row: Any, slot: Value) -> Any:
        """What its row has of a slot (`Records.place_layout`)."""
        return row[self.split(slot)[1]] if self.row_slots > 1 else row[0]

    def _slot_of(self, fetch: Sequence[Any], slot: Value) -> tuple[list[Any], Value, Value]:
        (port,) = fetch
        row, _ = self.split(slot)
        there = self.place_in(port.data, slot)
        return [port.addr.eq(row)], there.present, there.key
