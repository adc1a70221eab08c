# amaranth: UnusedElaboratable=no
"""What devmap, cpumap and xskmap have in common: redirect maps with an index for a key."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from .base import Lowering, MapShape, Redirection, SiteKind
from .index_model import IndexModel, IndexRules
from .index_unit import IndexUnit
from .slots import SlotMap


class IndexMap(SlotMap):
    """Subclasses say in ``rules`` what the host may do, and which of index and value is the redirect target."""

    value_sizes: tuple[int, ...] = (4, 8)
    rules = IndexRules()

    @abstractmethod
    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        """The 32-bit redirect target of an entry."""

    @abstractmethod
    def lower_target(self, index: Any, word: Any) -> Any:
        """The same as nodes; ``word`` is the value's first 32 bits."""

    def model(self, shape: MapShape) -> IndexModel:
        return IndexModel(shape, self.rules, self.reference_target)

    def lower_redirect(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Redirection:
        entry, word = self.read_slot(b, shape, predicate, index)
        return Redirection(entry.found, self.lower_target(index, word))

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> IndexUnit:
        return IndexUnit(shape, sites, self.rules)
