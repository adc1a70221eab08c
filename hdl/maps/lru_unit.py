"""The hardware of LRU hash maps: a hash map with room to spare, from which something takes entries away.

An insert never fails: it goes into a `HashUnit` for `spare_entries` more than the map may have. As soon as there are
too many, the unit asks the pipeline for a pause, as for the host, and deletes entries until there are few enough again.
The victims are those at a hand that goes round over all slots (`Sweep`), so a new entry stays for about a whole round.
An insert of the host and what goes for it are one pause.

While the unit waits for the pause only frames between first and last touch of the map can insert; the spare entries are
for them, and a pipeline with more of them is refused (`longest_drain`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Value

from .base import MapShape, SiteKind
from .hash_records import Begin, Op
from .hash_sweep import Sweep
from .hash_unit import HashUnit
from .hash_walker import Walker
from .rows import ValueRows
from .table import Table


def spare_entries(max_entries: int) -> int:
    """Entries that can be there beyond ``max_entries`` until the pause comes."""
    return min(512, max(128, max_entries))


class LruUnit(HashUnit):
    """Sites are those of `HashUnit`; ``roomy`` is the shape with `spare_entries` more."""

    def __init__(
        self, shape: MapShape, roomy: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table
    ) -> None:
        super().__init__(roomy, kinds, rows, table)
        self._most = shape.max_entries
        eviction = Sweep.longest(table, self._most + 1) + 3  # and the walk that deletes what was found
        self.host_hold += eviction
        if updates := sum(kind.name == "change" for kind in kinds):
            spare = roomy.max_entries - shape.max_entries
            self.longest_drain = spare // updates - 2  # less the frame that begins to be too much, and the next
            self.pause = eviction

    def between_frames(self, m: Module, walker: Walker, fetch: Sequence[Any], occupied: Value) -> Value:
        m.submodules.sweep = sweep = Sweep(self.table, self.records)
        crowded = self.entries > self._most
        evicts = crowded | sweep.looks | sweep.found
        operates = super().between_frames(m, walker, fetch, occupied | evicts)
        m.d.comb += [
            sweep.go.eq(crowded & self.host_grant & ~occupied & ~operates),
            sweep.row0.eq(fetch[0].data),
            sweep.row1.eq(fetch[1].data),
            sweep.taken.eq(walker.done),
        ]
        with m.If(evicts):
            m.d.comb += self.host_request.eq(1)
        with m.If(sweep.go | sweep.looks):
            m.d.comb += [port.addr.eq(sweep.bucket) for port in fetch[:2]]
        with m.If(sweep.found):
            m.d.comb += [
                walker.start.eq(1),
                walker.walk.begin.eq(Begin.BUCKETS),
                walker.walk.op.eq(Op.DELETE),
                walker.walk.key.eq(sweep.key),
            ]
        return operates
