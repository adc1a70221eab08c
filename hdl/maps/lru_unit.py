"""The hardware of LRU hash maps: a hash map with room to spare, from which something takes entries away.

An insert never fails: it goes into a `HashUnit` for more than the map may have, for as many as one of its tables has
slots (`Table.capacity`), which is at least `spare_entries` more and what the program needs. As soon as there are
too many, the unit asks the pipeline for a pause, as for the host, and deletes entries until there are few enough again.
The victims are those at a hand that goes round over all slots (`Sweep`), so a new entry stays for about a whole round.
An insert of the host and what goes for it are one pause.

While the unit waits for the pause only frames between first and last touch of the map can insert; the spare entries are
for them. The compiler counts what they may insert, has the tables made for that (`MapShape.room`), and refuses a
pipeline for which there would be too little memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Value

from .base import MapShape, SiteKind
from .hash_patient_unit import PatientHashUnit, frame_hold, walk_cycles
from .hash_records import Begin, Op
from .hash_sweep import Sweep
from .hash_unit import HashUnit
from .hash_walker import Walker
from .rows import ValueRows
from .slot_sweep import SlotSweep
from .table import Table

DRAIN = 4
"""Cycles in which one frame alone leaves the unit's stages and the next one is held, before and behind an eviction."""


def spare_entries(max_entries: int) -> int:
    """Entries that can be there beyond ``max_entries`` until the pause comes, at least, in any program."""
    return min(512, max(128, max_entries))


class Evicting(HashUnit):
    """What makes an LRU map of a hash map for more. Stands before the kind of hash map among the bases."""

    def keep(self, most: int) -> None:
        """At most so many entries (part of ``__init__``)."""
        self._most = most
        eviction = self.eviction()
        self.host_hold += eviction
        self.spare = self.shape.max_entries - most
        if any(kind.name == "change" for kind in self.kinds):
            self.pause = eviction

    def eviction(self) -> int:
        """Cycles that it takes at most, if as many keys stay as may."""
        raise NotImplementedError

    def sweep(self, m: Module, walker: Walker, fetch: Sequence[Any]) -> Any:
        """The hand, which reads through the ports ``fetch`` as long as it looks."""
        raise NotImplementedError

    def between_frames(self, m: Module, walker: Walker, fetch: Sequence[Any], occupied: Value) -> Value:
        m.submodules.sweep = sweep = self.sweep(m, walker, fetch)
        crowded = self.entries > self._most
        evicts = crowded | sweep.looks | sweep.found
        operates = super().between_frames(m, walker, fetch, occupied | evicts)
        m.d.comb += [
            sweep.go.eq(crowded & self.host_grant & ~occupied & ~operates),
            sweep.taken.eq(walker.done),
        ]
        with m.If(evicts):
            m.d.comb += self.host_request.eq(1)
        with m.If((sweep.go | sweep.looks) & ~sweep.found):  # then the walk needs them
            m.d.comb += self.looking(sweep, fetch)
        with m.If(sweep.found):
            m.d.comb += [
                walker.start.eq(1),
                walker.walk.begin.eq(Begin.BUCKETS),
                walker.walk.op.eq(Op.DELETE),
                walker.walk.key.eq(sweep.key),
            ]
        return operates

    def looking(self, sweep: Any, fetch: Sequence[Any]) -> Sequence[Any]:
        """Statements: ``fetch`` reads where the hand is."""
        raise NotImplementedError


class LruUnit(Evicting):
    """Sites are those of `HashUnit`. ``roomy``: the shape with all the entries that ``table`` takes."""

    def __init__(
        self, shape: MapShape, roomy: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table
    ) -> None:
        super().__init__(roomy, kinds, rows, table)
        self.keep(shape.max_entries)

    def eviction(self) -> int:
        return Sweep.longest(self.table, self._most + 1) + 4  # and the walk that deletes what was found

    def sweep(self, m: Module, walker: Walker, fetch: Sequence[Any]) -> Sweep:
        sweep = Sweep(self.table, self.records)
        m.d.comb += [sweep.row0.eq(fetch[0].data), sweep.row1.eq(fetch[1].data)]
        return sweep

    def looking(self, sweep: Sweep, fetch: Sequence[Any]) -> Sequence[Any]:
        return [port.addr.eq(sweep.bucket) for port in fetch[:2]]


class PatientLruUnit(Evicting, PatientHashUnit):
    """The same for frames that leave the time."""

    def __init__(
        self,
        shape: MapShape,
        roomy: MapShape,
        kinds: Sequence[SiteKind],
        rows: ValueRows,
        table: Table,
        row_slots: int,
    ) -> None:
        super().__init__(roomy, kinds, rows, table, row_slots)
        self.keep(shape.max_entries)
        self.frame_hold = lru_frame_hold(kinds, rows, table, row_slots)

    def eviction(self) -> int:
        return patient_eviction(self.table, self.row_slots)

    def sweep(self, m: Module, walker: Walker, fetch: Sequence[Any]) -> SlotSweep:
        sweep, commit = SlotSweep(self.table, self.records), walker.commit
        m.d.comb += [
            sweep.change.eq(commit.table.any()),
            sweep.slot.eq(walker.outcome.slot),
            sweep.present.eq(commit.present),
            sweep.place.eq(self.place_in(fetch[0].data, sweep.address)),
        ]
        return sweep

    def looking(self, sweep: SlotSweep, fetch: Sequence[Any]) -> Sequence[Any]:
        return [fetch[0].addr.eq(self.split(sweep.address)[0])]


def patient_eviction(table: Table, row_slots: int) -> int:
    """Cycles of a `PatientLruUnit`'s eviction, at most."""
    return SlotSweep.LONGEST + walk_cycles(table, row_slots) + 1  # the last one removes what was found


def lru_frame_hold(kinds: Sequence[SiteKind], rows: ValueRows, table: Table, row_slots: int) -> int:
    """Cycles for which `PatientLruUnit` holds a frame in all: each change may make something go."""
    changes = sum(kind.name == "change" for kind in kinds)
    return frame_hold(kinds, rows, table, row_slots) + changes * (patient_eviction(table, row_slots) + DRAIN)
