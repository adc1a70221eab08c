"""Arrays of maps (kernel/bpf/arraymap.c): a lookup gives one of several maps, each of which has its own hardware."""

from __future__ import annotations

from typing import Any

from .base import Lowering, MapShape
from .table_array import TableArray, check_holds


class ArrayOfMaps(TableArray):
    type = 12
    name = "array_of_maps"
    summary = "maps of one shape in slots; the host may switch slots among the maps built in"
    operations = frozenset({"lookup"})
    holds_maps = True

    def check(self, shape: MapShape) -> None:
        super().check(shape)
        check_holds(self, shape)

    def lower_map(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        return self.lower_number(b, shape, predicate, key)
