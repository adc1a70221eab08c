"""The hardware of arrays of programs or maps: a memory of numbers that only the host writes."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Const, Signal, Value

from .base import MapShape, SiteKind
from .linux import BPF_ANY, E2BIG, EINVAL, ENOENT
from .slot_table import SlotTable
from .slots import Checks, SlotUnit
from .unit import HostOp


class TableArrayUnit(SlotUnit):
    """The host gets -EINVAL for what the pipeline does not have behind that slot."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], table: SlotTable) -> None:
        self._table = table
        super().__init__(shape, kinds, table.first)

    def checks(self, index: Value, outside: Value, there: Value) -> Checks:
        return {
            HostOp.LOOKUP: [(outside | ~there, ENOENT)],
            HostOp.ENTRY: [(~there, ENOENT), (outside, E2BIG)],
            HostOp.DELETE: [(~there, ENOENT), (outside, E2BIG)],
            HostOp.UPDATE: [
                (~may_hold(self._table, index, self.host.value), EINVAL),
                (outside, E2BIG),
                (self.host.flags != BPF_ANY, EINVAL),
            ],
        }


def may_hold(table: SlotTable, index: Value, number: Signal) -> Value:
    """`SlotTable.may_hold` in hardware."""
    known = Value.cast(Const(0, 1))
    allowed = Value.cast(Const(0, 1))
    for each, numbers in table.choices.items():
        here = index == each
        known |= here
        allowed |= here & _among(number, numbers)
    return allowed | ~known & _among(number, table.others)


def _among(number: Value, numbers: Sequence[int]) -> Value:
    found = Value.cast(Const(0, 1))
    for each in numbers:
        found |= number == each
    return found
