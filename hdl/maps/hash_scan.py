"""Looking for a key row after row: a comparator for each slot of a row, where frames leave the time."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .hash_compare import one_hot
from .hash_records import Records
from .table import Table


def scan_cycles(table: Table, row_slots: int) -> int:
    """Cycles for both buckets of a key, in rows of so many slots."""
    return 2 * table.ways // row_slots


class Scan(wiring.Component):
    """Does what `Comparison` does in one cycle, in `scan_cycles`, on a memory with ``row_slots`` slots in each row.

    ``start`` In: held until ``done`` (Out, one cycle). ``both``: look into ``bucket1`` of table 1 behind ``bucket0`` of
    table 0. ``address`` Out: the row whose contents ``row`` In has one cycle later; the first one of ``bucket0`` while
    nothing has started, so it must have been there a cycle before. ``hit``, ``slot``, ``free``, ``free_slot`` Out: as
    in `Comparison`, valid with ``done``.
    """

    def __init__(self, table: Table, records: Records, row_slots: int) -> None:
        self._table = table
        self._row_slots = row_slots
        self.row_layout = data.ArrayLayout(records.place_layout, row_slots)
        super().__init__(
            {
                "start": In(1),
                "both": In(1),
                "key": In(table.key_bits),
                "bucket0": In(table.index_bits),
                "bucket1": In(table.index_bits),
                "address": Out((table.slots // row_slots - 1).bit_length()),
                "row": In(self.row_layout),
                "done": Out(1),
                "hit": Out(1),
                "slot": Out(records.slot),
                "free": Out(1),
                "free_slot": Out(records.slot),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows = self._table.ways // self._row_slots  # of a bucket
        bits = (rows - 1).bit_length()
        step, coming = Signal(range(2 * rows)), Signal(range(2 * rows))
        where = Signal.like(self.address)
        m.d.comb += [
            self.done.eq(self.start & (step == Mux(self.both, 2 * rows - 1, rows - 1))),
            coming.eq(Mux(self.start & ~self.done, step + 1, 0)),
            self.address.eq(Cat(coming[:bits], Mux(coming[bits], self.bucket1, self.bucket0), coming[bits])),
        ]
        m.d.sync += [step.eq(coming), where.eq(self.address)]

        hits, empty, first = (Signal(self._row_slots, name=name) for name in ("hits", "empty", "first_empty"))
        m.d.comb += [
            hits.eq(Cat(place.present & (place.key == self.key) for place in self._places)),
            empty.eq(Cat(~place.present for place in self._places)),
            first.eq(empty & -empty),
        ]
        # What the rows before had, and with it what is known after this one.
        hit, slot = Signal(), Signal.like(self.slot)
        m.d.comb += [self.hit.eq(hit | hits.any()), self.slot.eq(Mux(hit, slot, self._slot(where, hits)))]
        m.d.sync += [hit.eq(self.hit & self.start & ~self.done), slot.eq(self.slot)]
        counts, places = [], []
        for table in range(2):
            before, place = Signal(range(self._table.ways + 1)), Signal.like(self.free_slot)
            count, found = Signal.like(before, name=f"free_{table}"), Signal.like(place, name=f"first_free_{table}")
            here = where[-1] == table
            m.d.comb += [
                count.eq(before + Mux(here, sum((bit for bit in empty), Const(0, 1)), 0)),
                found.eq(Mux(here & (before == 0), self._slot(where, first), place)),
            ]
            m.d.sync += [before.eq(Mux(self.start & ~self.done, count, 0)), place.eq(found)]
            counts.append(count)
            places.append(found)
        m.d.comb += [
            self.free.eq((counts[0] != 0) | (counts[1] != 0)),
            self.free_slot.eq(Mux(counts[1] > counts[0], places[1], places[0])),
        ]
        return m

    @property
    def _places(self) -> list[data.View[data.StructLayout]]:
        return [self.row[i] for i in range(self._row_slots)]

    def _slot(self, row: Value, select: Value) -> Value:
        """The slot of a row whose bit is set."""
        bits = (self._row_slots - 1).bit_length()
        return Cat(one_hot(select, [Const(i, bits) for i in range(self._row_slots)]), row) if bits else row
