"""Values in rows: how the values of a map lie in its value memory, and the sites that move one row.

A value of up to `ROW_LIMIT` bytes is one row of just its size. Larger values have rows of `ROW_LIMIT` bytes; their
number is rounded up to a power of two (the *stride*), so that an address is an entry number with a row number below.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ..errors import Refused
from .base import MapShape, SiteKind

ROW_LIMIT = 64
"""Bytes that one access moves at most."""

MEMORY_LIMIT = 32 << 20
"""Bytes of memory, keys and spare slots included, that one map may need."""

VALUE_LIMIT = 4096
"""Bytes of one value: the host port carries a whole one."""

VALUES = frozenset({"values"})


@dataclass(frozen=True, slots=True)
class ValueRows:
    """The value memory of a map with ``entries`` places for values of ``value_size`` bytes.

    Conflict tags have ``tag_bits`` bits.
    """

    entries: int
    value_size: int
    tag_bits: int

    @property
    def row_bytes(self) -> int:
        """Bytes of a row."""
        return min(self.value_size, ROW_LIMIT)

    @property
    def rows(self) -> int:
        """Rows of a value that hold bytes of it."""
        return -(-self.value_size // ROW_LIMIT)

    @property
    def row_index_bits(self) -> int:
        """Address bits below the entry number."""
        return (self.rows - 1).bit_length()

    @property
    def depth(self) -> int:
        """Rows of the memory."""
        return self.entries << self.row_index_bits

    @property
    def bytes(self) -> int:
        """Bytes of the memory."""
        return self.depth * self.row_bytes

    @property
    def address_bits(self) -> int:
        """Bits of a row address, one at least."""
        return max(1, (self.depth - 1).bit_length())

    def split(self, value: int) -> list[int]:
        """The rows of a value given as a number, first byte lowest."""
        bits = 8 * self.row_bytes
        return [value >> bits * i & (1 << bits) - 1 for i in range(self.rows)]

    def read_kind(self) -> SiteKind:
        """Fetch a row at the end of the issue stage."""
        operands = (("address", self.address_bits), ("tag", self.tag_bits))
        return SiteKind("read", operands, (("row", 8 * self.row_bytes),), 1, (0, 0), VALUES, frozenset())

    def write_kind(self) -> SiteKind:
        """Change the bytes of a row that ``mask`` selects at the end of the issue stage."""
        operands = (
            ("address", self.address_bits),
            ("tag", self.tag_bits),
            ("row", 8 * self.row_bytes),
            ("mask", self.row_bytes),
        )
        return SiteKind("write", operands, (), 0, (0, 0), frozenset(), VALUES, stores=VALUES)

    def evaluate_read(self, value: bytearray, address: int) -> int:
        """What a read site delivers from an entry's value."""
        start = self._row(address) * self.row_bytes
        return int.from_bytes(value[start : start + self.row_bytes], "little")

    def evaluate_write(self, value: bytearray, address: int, row: int, mask: int) -> None:
        """What a write site does to an entry's value."""
        start = self._row(address) * self.row_bytes
        for i, byte in enumerate(row.to_bytes(self.row_bytes, "little")):
            if mask >> i & 1 and start + i < self.value_size:
                value[start + i] = byte

    def _row(self, address: int) -> int:
        return address & ((1 << self.row_index_bits) - 1)


def operands_by_name(kind: SiteKind, operands: Sequence[int]) -> Mapping[str, int]:
    """A site's operands (without the predicate) under their names."""
    return {name: value for (name, _), value in zip(kind.operands, operands, strict=True)}


def check_sizes(shape: MapShape, limit: int = VALUE_LIMIT) -> None:
    """Refuse what Linux cannot create either (no entries, no key, no value), values of more than ``limit`` bytes."""
    _check_entries_and_value(shape, limit)
    if shape.key_size < 1:
        raise Refused(
            f"map {shape.name} has a key of 0 bytes, so Linux cannot create it", "give the key at least one byte"
        )


def check_sizes_without_key(shape: MapShape, limit: int) -> None:
    """The same for types that have no keys."""
    _check_entries_and_value(shape, limit)
    if shape.key_size:
        raise Refused(
            f"map {shape.name} has a key of {shape.key_size} bytes, and its type has none, so Linux cannot create it",
            "leave the key out",
        )


def _check_entries_and_value(shape: MapShape, limit: int) -> None:
    if shape.max_entries < 1:
        raise Refused(
            f"map {shape.name} has no entries, so Linux cannot create it",
            f"give it max_entries, or set it with --map-size {shape.name}=ENTRIES",
        )
    if shape.value_size < 1:
        raise Refused(
            f"map {shape.name} has a value of 0 bytes, so Linux cannot create it", "give the value at least one byte"
        )
    if shape.value_size > limit:
        raise Refused(
            f"map {shape.name} has values of {shape.value_size} bytes; hardware takes up to {limit}",
            "split the value over several entries or maps",
        )


def check_memory(shape: MapShape, needed: Callable[[int], int]) -> None:
    """Refuse a map that needs more than `MEMORY_LIMIT` bytes; ``needed`` tells them for a number of entries."""
    if needed(shape.max_entries) > MEMORY_LIMIT:
        fitting = next(1 << bits for bits in range(32, -1, -1) if needed(1 << bits) <= MEMORY_LIMIT)
        raise Refused(
            f"map {shape.name} needs {needed(shape.max_entries)} bytes of memory for {shape.max_entries} entries; "
            f"the limit is {MEMORY_LIMIT}",
            f"build it smaller: --map-size {shape.name}={fitting} fits",
        )
