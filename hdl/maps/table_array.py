# amaranth: UnusedElaboratable=no
"""What arrays of programs and arrays of maps have in common (kernel/bpf/arraymap.c, fd_array): numbers in slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Lowering, MapPlugin, MapShape, SiteKind
from .linux import BPF_ANY, E2BIG, EINVAL, ENOENT
from .slot_table import SlotTable
from .slots import WORD, SlotMap, SlotModel
from .table_array_unit import TableArrayUnit

_NOTHING = SlotTable(())


def table_of(shape: MapShape) -> SlotTable:
    """What the slots of a map can hold; nothing if nobody settled it."""
    return shape.table or _NOTHING


def check_holds(plugin: MapPlugin, shape: MapShape) -> None:
    """Refuse a map of maps of which nobody says what it holds."""
    if not table_of(shape).numbers:
        raise Refused(
            f"the object does not tell which maps {plugin.name} {shape.name} can hold",
            f"name them with --slot {shape.name}:INDEX=MAP[,MAP...]",
        )


class TableArrayModel(SlotModel):
    """bpf_fd_array_map_update_elem and its like; -EINVAL for what the hardware does not have there."""

    def __init__(self, shape: MapShape) -> None:
        super().__init__(shape)
        self._table = table_of(shape)
        for index, number in self._table.first.items():
            self._values[index][:] = number.to_bytes(4, "little")

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        index = int.from_bytes(key, "little")
        if flags != BPF_ANY:
            return -EINVAL
        if index >= len(self._values):
            return -E2BIG
        if not self._table.may_hold(index, int.from_bytes(value, "little")):
            return -EINVAL
        self._values[index][:] = value
        return 0

    def delete(self, key: bytes) -> int:
        index = int.from_bytes(key, "little")
        if index >= len(self._values):
            return -E2BIG
        if self.lookup(key) is None:
            return -ENOENT
        self._values[index][:] = bytes(4)
        return 0

    def program(self, index: int) -> int:
        handle = self.lookup(index.to_bytes(4, "little"))
        return 0 if handle is None else int.from_bytes(self._values[handle], "little")


class TableArray(SlotMap):
    """``MapShape.table`` says what the slots can hold."""

    values_readable = False

    def model(self, shape: MapShape) -> TableArrayModel:
        return TableArrayModel(shape)

    def lower_number(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Any:
        """The 32-bit number in a slot, 0 if there is none; ``index`` has 32 bits."""
        entry, word = self.read_slot(b, shape, predicate, index)
        return b.op("mux", WORD, entry.found, word, b.const(0, WORD))

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> TableArrayUnit:
        return TableArrayUnit(shape, sites, table_of(shape))
