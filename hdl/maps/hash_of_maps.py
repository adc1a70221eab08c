# amaranth: UnusedElaboratable=no
"""Hash maps of maps (kernel/bpf/hashtab.c): as `array_of_maps`, by any key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Lowering, MapShape, SiteKind
from .checked_hash_unit import HashOfMapsUnit
from .hash import HashMap
from .hash_model import HashModel
from .hash_unit import HashUnit
from .linux import EINVAL
from .rows import ValueRows
from .slots import WORD
from .table import Table
from .table_array import check_holds, table_of
from .unit import MapUnit


class HashOfMapsModel(HashModel):
    """A hash map of numbers; -EINVAL for a map that the hardware does not have."""

    def __init__(self, shape: MapShape, rows: ValueRows) -> None:
        super().__init__(shape, rows)
        self._table = table_of(shape)
        for index, number in self._table.first.items():
            super().update(index.to_bytes(shape.key_size, "little"), number.to_bytes(4, "little"), 0)

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        if not self._table.may_hold(int.from_bytes(key, "little"), int.from_bytes(value, "little")):
            return -EINVAL
        return super().update(key, value, flags)


class HashOfMaps(HashMap):
    """``MapShape.table`` says which maps there are."""

    type = 13
    name = "hash_of_maps"
    summary = "maps of one shape by any key; the host puts in and takes out the maps built in"
    operations = frozenset({"lookup"})
    holds_locks = False
    holds_maps = True
    values_readable = False
    values_writable = False

    def check(self, shape: MapShape) -> None:
        if shape.value_size != WORD // 8:
            raise Refused(
                f"{self.name} {shape.name} has values of {shape.value_size} bytes, so Linux cannot create it",
                f"give it a value of {WORD // 8} bytes",
            )
        super().check(shape)
        check_holds(self, shape)

    def model(self, shape: MapShape) -> HashOfMapsModel:
        return HashOfMapsModel(shape, self.layout(shape))

    def lower_map(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        entry = self.lower_lookup(b, shape, predicate, key)
        site = b.site(shape.name, self.read_kind(shape), predicate, entry.address, entry.tag)
        return b.op("mux", WORD, entry.found, b.op("slice", WORD, b.field(site, "row"), attr=0), b.const(0, WORD))

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> MapUnit:
        contents = table_of(shape)
        return HashOfMapsUnit(HashUnit(shape, sites, self.layout(shape), Table.of(shape), contents.first), contents)
