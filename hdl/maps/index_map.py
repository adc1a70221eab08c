"""What devmap, cpumap and xskmap have in common: the key is an index, and the host alone changes entries."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Entry, Lowering, MapPlugin, MapShape, Redirection, SiteKind
from .index_model import IndexModel, IndexRules
from .index_unit import IndexUnit
from .row_map import RowMap, by_index
from .rows import ValueRows, check_memory, check_sizes

WORD = 32


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


class IndexMap(RowMap):
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

    def layout(self, shape: MapShape) -> ValueRows:
        return by_index(shape)

    def model(self, shape: MapShape) -> IndexModel:
        return IndexModel(shape, self.layout(shape), self.rules, self.reference_target)

    def _read(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> tuple[Entry, Any]:
        """An entry, and its value's first word as it was read to see whether the entry is there."""
        rows = self.layout(shape)
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

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> IndexUnit:
        return IndexUnit(shape, sites, self.layout(shape), self.rules)
