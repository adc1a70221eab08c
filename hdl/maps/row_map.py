"""What map types have in common whose values lie in a value memory (`rows.ValueRows`)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from .base import Lowering, MapModel, MapPlugin, MapShape, SiteKind, without_lock
from .rows import ValueRows, operands_by_name


class RowModel(MapModel):
    """A model that knows which values row addresses of ``rows`` stand for (`find`)."""

    def __init__(self, rows: ValueRows) -> None:
        self.rows = rows

    def holds(self, address: int) -> bool:
        """Whether there is a value at a row address; reads fetch ahead, for keys that turn out to be absent too."""
        return address < self.rows.depth


class RowMap(MapPlugin):
    """Subclasses say in `layout` how their values lie; their models are `RowModel`."""

    @abstractmethod
    def layout(self, shape: MapShape) -> ValueRows:
        """The value memory of a map."""

    def read_kind(self, shape: MapShape) -> SiteKind:
        return self.layout(shape).read_kind()

    def write_kind(self, shape: MapShape) -> SiteKind:
        return self.layout(shape).write_kind()

    def row_bytes(self, shape: MapShape) -> int:
        return self.layout(shape).row_bytes

    def rows(self, shape: MapShape) -> int:
        return self.layout(shape).rows

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        """``read`` and ``write`` sites."""
        assert isinstance(model, RowModel)
        named = operands_by_name(kind, operands)
        address = named["address"]
        if not model.holds(address):
            return 0
        value = model.value(model.find(address))
        if kind.name == "read":
            return model.rows.evaluate_read(value, address)
        model.rows.evaluate_write(value, address, named["row"], named["mask"])
        return 0


def by_index(shape: MapShape) -> ValueRows:
    """The layout of maps whose keys are the numbers of their entries; a tag is the number."""
    return ValueRows(shape.max_entries, shape.value_size, max(1, (shape.max_entries - 1).bit_length()))


def lower_without_lock(b: Lowering, shape: MapShape, value: Any) -> Any:
    """`base.without_lock` as dataflow."""
    if shape.lock is None:
        return value
    keep = int.from_bytes(without_lock(shape, b"\xff" * shape.value_size), "little")
    return b.op("and", 8 * shape.value_size, value, b.const(keep, 8 * shape.value_size))
