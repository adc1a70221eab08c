"""Arrays of programs for bpf_tail_call (kernel/bpf/arraymap.c): the slots hold numbers of programs of the object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Lowering, MapShape, SiteKind
from .linux import BPF_ANY, BPF_F_RDONLY_PROG, BPF_F_WRONLY_PROG, E2BIG, EINVAL, ENOENT
from .prog_array_unit import ProgArrayUnit
from .program_table import ProgramTable
from .slots import WORD, SlotMap, SlotModel

_NO_PROGRAMS = ProgramTable(())


def table_of(shape: MapShape) -> ProgramTable:
    """The programs that a map is about; none if nobody settled them."""
    return shape.table or _NO_PROGRAMS


class ProgArrayModel(SlotModel):
    """bpf_fd_array_map_update_elem and its like; -EINVAL for a program that the hardware does not have there."""

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


class ProgArray(SlotMap):
    """``MapShape.table`` says which programs the slots can hold."""

    type = 3
    name = "prog_array"
    summary = "programs of the object for `bpf_tail_call`; the host may switch slots among the programs built in"
    operations = frozenset({"tail_call"})
    values_readable = False

    def check(self, shape: MapShape) -> None:
        super().check(shape)
        if shape.flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG):
            raise Refused(
                f"prog_array {shape.name} has flags 0x{shape.flags:x}, so Linux cannot create it", "leave them out"
            )

    def model(self, shape: MapShape) -> ProgArrayModel:
        return ProgArrayModel(shape)

    def lower_program(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Any:
        entry, word = self.read_slot(b, shape, predicate, index)
        return b.op("mux", WORD, entry.found, word, b.const(0, WORD))

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> ProgArrayUnit:
        return ProgArrayUnit(shape, sites, table_of(shape))
