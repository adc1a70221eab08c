# amaranth: UnusedElaboratable=no
"""LRU hash maps (kernel/bpf/hashtab.c, bpf_lru_list.c): an insert into a full map takes another entry away.

Which one goes, and when, is not promised: Linux chooses among entries that were not used lately, in batches, and even
to replace a value; `lru_unit` by turns. As long as no more than max_entries keys are there, nothing goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from .base import MapShape, SiteKind
from .hash import HashMap, table_bytes
from .hash_model import HashModel
from .hash_patient_unit import choices
from .linux import BPF_EXIST, BPF_F_NO_COMMON_LRU, BPF_F_NO_PREALLOC
from .lru_unit import LruUnit, PatientLruUnit, lru_frame_hold, spare_entries
from .percpu_hash import PercpuHashModel
from .rows import MEMORY_LIMIT, ValueRows
from .slot_table import SlotTable
from .table import Table


@dataclass(frozen=True, slots=True)
class Roomy:
    """The shape of the hash map inside. ``max_entries`` are those that it must take."""

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    flags: int
    initial: bytes | None
    readonly: bool
    table: SlotTable | None
    room: int = 0  # more is not needed inside
    lock: None = None  # LRU maps have none

    @staticmethod
    def of(shape: MapShape) -> Roomy:
        entries = shape.max_entries + max(spare_entries(shape.max_entries), shape.room)
        sizes = (shape.key_size, shape.value_size, entries)
        return Roomy(shape.name, shape.type, *sizes, shape.flags, shape.initial, shape.readonly, shape.table)

    def filling(self, table: Table) -> Roomy:
        """The same with all the entries that its tables take."""
        return replace(self, max_entries=table.capacity)


class LruModel(HashModel):
    """Evicts the key whose last lookup or update is longest ago, only for a new key and a full map.

    Elements are taken before others are given back, so none is spare. Which one is taken differs from Linux once its
    per-CPU list is filled up again; only a pointer from before an update would show it.
    """

    def __init__(self, shape: MapShape, rows: ValueRows) -> None:
        super().__init__(shape, rows)
        self._spare = None
        self._memory.clear()

    def lookup(self, key: bytes) -> int | None:
        if key in self._elements:
            self._elements[key] = self._elements.pop(key)
        return super().lookup(key)

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        inserts = key not in self._elements and flags < BPF_EXIST
        if inserts and len(self._elements) >= self._max_entries:
            self.delete(next(iter(self._elements)))
        result = super().update(key, value, flags)
        self.lookup(key)
        return result


class LruPercpuModel(LruModel, PercpuHashModel):
    """The same with values that are updated in place."""


class LruHash(HashMap):
    type = 9
    name = "lru_hash"
    summary = "a hash map in which a new key always finds room; which entry goes for it is not promised"
    creation_flags = HashMap.creation_flags & ~BPF_F_NO_PREALLOC | BPF_F_NO_COMMON_LRU
    holds_locks = False
    evicts = True

    def layout(self, shape: MapShape) -> ValueRows:
        return super().layout(Roomy.of(shape))

    def model(self, shape: MapShape) -> HashModel:
        return LruModel(shape, self.layout(shape))

    def spare(self, shape: MapShape) -> int:
        return Table.of(Roomy.of(shape)).capacity - shape.max_entries

    def room_for(self, shape: MapShape, inserts: int) -> int:
        if inserts <= self.spare(shape):
            return shape.room
        needed = table_bytes(shape, shape.max_entries + inserts)
        return inserts if needed <= MEMORY_LIMIT else shape.room

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> LruUnit:
        roomy = Roomy.of(shape)
        table = Table.of(roomy)
        return LruUnit(shape, roomy.filling(table), sites, self.layout(shape), table)

    def patient_hardware(
        self, shape: MapShape, sites: Sequence[SiteKind], interval: int, cycles: int
    ) -> PatientLruUnit | None:
        roomy = Roomy.of(shape)
        for table, rows, row_slots in choices([Table.of(roomy)], self.layout(shape), interval):
            if lru_frame_hold(sites, rows, table, row_slots) <= cycles:
                return PatientLruUnit(shape, roomy.filling(table), sites, rows, table, row_slots)
        return None
