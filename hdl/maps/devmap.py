"""Device maps (kernel/bpf/devmap.c): an index gives the interface out of which a frame is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import MapShape, SiteKind
from .broadcast import Broadcasting
from .index_map import IndexMap
from .slots import first_word
from .unit import MapUnit


class Devmap(Broadcasting, IndexMap):
    """The host may give any ifindex but 0, which deletes the entry; programs on entries are refused (-EINVAL)."""

    type = 14
    name = "devmap"
    summary = "interfaces to redirect to, by index; filled by the host; the target is the ifindex"

    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        return first_word(value)

    def lower_target(self, index: Any, word: Any) -> Any:
        return word

    def plain_hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> MapUnit:
        return IndexMap.hardware(self, shape, sites)
