"""Looking for a key in the buckets that were fetched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from .table import Table


class Comparison:
    """One key against one bucket of each table in ``tables`` (rows of `Records.bucket`); combinational.

    ``hit``: the key is there, in slot ``slot``. ``free``: there is a free slot; ``free_slot`` is the first one in the
    bucket with more of them, because balanced buckets hardly ever overflow (Azar et al., "Balanced Allocations",
    1999). Slot numbers: see `Table`.
    """

    def __init__(
        self, m: Module, table: Table, key: Value, rows: Sequence[Any], buckets: Sequence[Value], name: str
    ) -> None:
        places = [
            (Cat(Const(way, table.way_bits), bucket, Const(number, 1)), row[way])
            for number, (row, bucket) in enumerate(zip(rows, buckets, strict=True))
            for way in range(table.ways)
        ]
        width = len(places[0][0])
        hits = Signal(len(places), name=f"{name}_hits")
        empty = Signal(len(places), name=f"{name}_empty")
        first = Signal(len(places), name=f"{name}_first_empty")
        candidates = Signal(len(places), name=f"{name}_candidates")
        self.hit = Signal(name=f"{name}_hit")
        self.slot = Signal(width, name=f"{name}_slot")
        self.free = Signal(name=f"{name}_free")
        self.free_slot = Signal(width, name=f"{name}_free_slot")
        slots = [slot for slot, _ in places]
        m.d.comb += [
            hits.eq(Cat(place.present & (place.key == key) for _, place in places)),
            empty.eq(Cat(~place.present for _, place in places)),
            candidates.eq(_emptiest([empty[i : i + table.ways] for i in range(0, len(places), table.ways)])),
            first.eq(candidates & -candidates),
            self.hit.eq(hits.any()),
            self.slot.eq(one_hot(hits, slots)),
            self.free.eq(empty.any()),
            self.free_slot.eq(one_hot(first, slots)),
        ]


def one_hot(select: Value, values: Sequence[Value]) -> Value:
    """The value whose bit in ``select`` is set, 0 if none is."""
    result: Value = Const(0, len(values[0]))
    for bit, value in enumerate(values):
        result = result | (value & select[bit].replicate(len(value)))
    return result


def _emptiest(buckets: Sequence[Value]) -> Value:
    """The free slots of the bucket that has most of them (the first of equal ones), side by side with zeros."""
    if len(buckets) == 1:
        return buckets[0]
    free = [sum((bit for bit in bucket), Const(0, 1)) for bucket in buckets]
    second = free[1] > free[0]
    return Cat(Mux(second, 0, buckets[0]), Mux(second, buckets[1], 0))
