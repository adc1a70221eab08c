"""The hardware of hash maps."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module

from .base import MapShape, SiteKind
from .rows import ValueRows
from .table import Table
from .unit import MapUnit


class HashUnit(MapUnit):
    """A hash map; to come."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table) -> None:
        self.rows = rows
        self.table = table
        super().__init__(shape, kinds)

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError
