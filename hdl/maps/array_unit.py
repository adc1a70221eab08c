"""The hardware of arrays: one memory of rows, with a port for each access site."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module

from .base import MapShape, SiteKind
from .rows import ValueRows
from .unit import MapUnit


class ArrayUnit(MapUnit):
    """An array map. Its sites are ``read`` and ``write``; the program computes addresses by itself.

    Each ``read`` site is a read port, each ``write`` site a write port, the host has one of both. A read sees what is
    written at the same edge. More than one write port at work needs a memory with as many (block memory has two).
    """

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows) -> None:
        self.rows = rows
        super().__init__(shape, kinds)

    def elaborate(self, platform: object) -> Module:
        raise NotImplementedError
