"""A hand that goes round over all slots of a hash map and stops at the next key that is there."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .hash_compare import one_hot
from .hash_records import Records
from .table import Table


class Sweep(wiring.Component):
    """Looks at one bucket of each table a cycle.

    ``go`` starts it, and ``looks`` until ``found``: in all these cycles ``bucket`` is fetched, and ``row0``, ``row1``
    (`Records.bucket`) answer one cycle later. ``found`` with ``key`` stays until ``taken``; the next search goes on
    behind that slot.
    """

    def __init__(self, table: Table, records: Records) -> None:
        self._table = table
        super().__init__(
            {
                "go": In(1),
                "looks": Out(1),
                "bucket": Out(table.index_bits),
                "row0": In(records.bucket),
                "row1": In(records.bucket),
                "found": Out(1),
                "key": Out(table.key_bits),
                "taken": In(1),
            }
        )

    @staticmethod
    def longest(table: Table, keys: int) -> int:
        """Cycles from ``go`` to ``found`` if so many keys are there, at most: they fill the buckets behind which the
        hand is, the last of them in its own bucket, which it looks into again after a round."""
        return 1 + table.buckets + 2 - -(-keys // (2 * table.ways))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        places = [place for row in (self.row0, self.row1) for place in (row[i] for i in range(self._table.ways))]
        # The hand: a bucket, and those of its slots that are behind the hand.
        here, passed = Signal(self._table.index_bits), Signal(len(places))
        ahead, first = Signal(len(places)), Signal(len(places))
        m.d.comb += [
            self.bucket.eq(here),
            ahead.eq(Cat(place.present for place in places) & ~passed),
            first.eq(ahead & -ahead),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(self.go):
                m.next = "LOOK"
            with m.State("LOOK"):
                m.d.comb += [self.looks.eq(1), self.bucket.eq(here + 1)]
                with m.If(ahead.any()):
                    m.d.sync += [passed.eq(first | (first - 1)), self.key.eq(one_hot(first, [p.key for p in places]))]
                    m.next = "FOUND"
                with m.Else():
                    m.d.sync += [passed.eq(0), here.eq(here + 1)]
            with m.State("FOUND"):
                m.d.comb += self.found.eq(1)
                with m.If(self.taken):
                    m.next = "IDLE"
        return m
