"""What devmap, cpumap and xskmap have in common: the key is an index, and the host alone changes entries."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Entry, Lowering, MapModel, MapPlugin, MapShape, Redirection, SiteKind
from .index_model import IndexModel, IndexRules
from .index_unit import IndexUnit
from .rows import ValueRows, check_memory, check_sizes, operands_by_name

WORD = 32


def layout(shape: MapShape) -> ValueRows:
    """The memory of values; a tag is the index."""
    return ValueRows(shape.max_entries, shape.value_size, max(1, (shape.max_entries - 1).bit_length()))


def check_redirect_map(plugin: MapPlugin, shape: MapShape, value_sizes: tuple[int, ...]) -> None:
    """Refuse what Linux cannot create."""
    check_sizes(shape)
    if shape.key_size != 4 or shape.value_size not in value_sizes:
        sizes = " or ".join(map(str, value_sizes))
        raise Refused(
            f"{plugin.name} {shape.name} has keys of {shape.key_size} and values of {shape.value_size} bytes, "
            "so Linux cannot create it",
            f"give it a key of 4 and a value of {sizes} bytes",
        )


class IndexMap(MapPlugin):
    """Subclasses say in ``rules`` what the host may do, and which of index and value is the redirect target."""

    values_writable = False
    value_sizes: tuple[int, ...] = (4, 8)
    rules = IndexRules()

    @abstractmethod
    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        """The 32-bit redirect target of an entry."""

    @abstractmethod
    def lower_target(self, index: Any, word: Any) -> Any:
        """The same as nodes; ``word`` is the value's first 32 bits."""

    def check(self, shape: MapShape) -> None:
        check_redirect_map(self, shape, self.value_sizes)
        check_memory(shape, lambda entries: ValueRows(entries, shape.value_size, 1).bytes)

    def model(self, shape: MapShape) -> IndexModel:
        return IndexModel(shape, layout(shape), self.rules, self.reference_target)

    def _read(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> tuple[Entry, Any]:
        """An entry, and its value's first word as it was read to see whether the entry is there."""
        rows = layout(shape)
        inside = b.op("ult", 1, index, b.const(shape.max_entries, 32))
        address = b.op("slice", rows.address_bits, index, attr=0)
        site = b.site(shape.name, rows.read_kind(), predicate, address, address)
        word = b.op("slice", WORD, b.field(site, "row"), attr=0)
        there = b.op("not", 1, b.op("eq", 1, word, b.const(0, WORD)))
        return Entry(b.op("and", 1, inside, there), address, address), word

    def lower_lookup(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Entry:
        return self._read(b, shape, predicate, key)[0]

    def lower_redirect(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Redirection:
        entry, word = self._read(b, shape, predicate, index)
        return Redirection(entry.found, self.lower_target(index, word))

    def lower_update(self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, flags: Any) -> Any:
        raise NotImplementedError  # not among the operations

    def lower_delete(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        raise NotImplementedError  # not among the operations

    def read_kind(self, shape: MapShape) -> SiteKind:
        return layout(shape).read_kind()

    def write_kind(self, shape: MapShape) -> SiteKind:
        return layout(shape).write_kind()

    def row_bytes(self, shape: MapShape) -> int:
        return layout(shape).row_bytes

    def rows(self, shape: MapShape) -> int:
        return layout(shape).rows

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        assert isinstance(model, IndexModel)
        address = operands_by_name(kind, operands)["address"]
        if address >= model.rows.depth:
            return 0  # fetched for an index that turns out to be out of range
        return model.rows.evaluate_read(model.value(address), address)

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> IndexUnit:
        return IndexUnit(shape, sites, layout(shape), self.rules)
