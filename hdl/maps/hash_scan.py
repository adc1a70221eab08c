"""Looking for a key slot after slot: one comparator and one slot of memory a cycle, where frames leave the time."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .hash_records import Records
from .table import Table

FETCH = 2
"""Cycles from a slot's address to its comparison: the memory, and a register behind it, as both take long."""


def scan_cycles(table: Table) -> int:
    """Cycles for both buckets of a key."""
    return 2 * table.ways + FETCH + 1


class Scan(wiring.Component):
    """Does what `Comparison` does in one cycle, in `scan_cycles`.

    ``start`` In: held until ``done`` (Out, one cycle), then low for a cycle. ``both``: look into ``bucket1`` of table 1
    behind ``bucket0`` of table 0. ``address`` Out: the slot whose contents ``place`` has one cycle later. ``hit``,
    ``slot``, ``free``, ``free_slot`` Out: as in `Comparison`, valid with ``done``.
    """

    def __init__(self, table: Table, records: Records) -> None:
        self._table = table
        super().__init__(
            {
                "start": In(1),
                "both": In(1),
                "key": In(table.key_bits),
                "bucket0": In(table.index_bits),
                "bucket1": In(table.index_bits),
                "address": Out(records.slot),
                "place": In(records.place_layout),
                "done": Out(1),
                "hit": Out(1),
                "slot": Out(records.slot),
                "free": Out(1),
                "free_slot": Out(records.slot),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ways, bits = self._table.ways, self._table.way_bits
        step = Signal(range(2 * ways + FETCH + 1))
        second = step[bits]
        m.d.comb += [
            self.address.eq(Cat(step[:bits], Mux(second, self.bucket1, self.bucket0), second)),
            self.done.eq(self.start & (step == Mux(self.both, 2 * ways + FETCH, ways + FETCH))),
        ]
        m.d.sync += step.eq(Mux(self.start & ~self.done, step + 1, 0))

        fetched, where, place = Signal.like(self.address), Signal.like(self.address), Signal.like(self.place)
        counts = [Signal(range(ways + 1), name=f"free_{table}") for table in range(2)]
        first = [Signal.like(self.address, name=f"first_free_{table}") for table in range(2)]
        m.d.sync += [fetched.eq(self.address), where.eq(fetched), place.eq(self.place)]
        with m.If(step == 0):
            m.d.sync += [self.hit.eq(0), *(count.eq(0) for count in counts)]
        with m.Elif(step >= FETCH):
            with m.If(place.present & (place.key == self.key)):
                m.d.sync += [self.hit.eq(1), self.slot.eq(where)]
            for number, (count, free) in enumerate(zip(counts, first, strict=True)):
                with m.If(~place.present & (where[-1] == number)):
                    m.d.sync += count.eq(count + 1)
                    with m.If(count == 0):
                        m.d.sync += free.eq(where)
        m.d.comb += [
            self.free.eq((counts[0] != 0) | (counts[1] != 0)),
            self.free_slot.eq(Mux(counts[1] > counts[0], first[1], first[0])),
        ]
        return m
