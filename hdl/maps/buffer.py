# amaranth: UnusedElaboratable=no
"""What maps have in common that are buffers of records for the host: the hardware keeps nothing, records are events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .base import MapModel, MapPlugin, MapShape, SiteKind
from .linux import EINVAL


class BufferModel(MapModel):
    """There is nothing in it: the host has read it by the time anyone could look."""

    def lookup(self, key: bytes) -> int | None:
        return None

    def value(self, handle: int) -> bytearray:
        raise AssertionError("lookups find nothing")

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        """What Linux keeps there is the host's business, and no contents."""
        return -EINVAL

    def delete(self, key: bytes) -> int:
        return -EINVAL

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        yield from ()


class Buffer(MapPlugin):
    """Records leave as events (`hdl.helpers.records`) with the frame that made them, and the datapath waits until they
    are taken: to the program it is as if the host had read everything before the frame came."""

    values_readable = False
    values_writable = False
    is_buffer = True

    def model(self, shape: MapShape) -> MapModel:
        return BufferModel()

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        raise AssertionError("no site touches a buffer")

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> Any:
        raise AssertionError("a buffer has no unit")
