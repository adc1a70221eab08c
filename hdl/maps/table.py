"""The geometry of a hash map's two tables, and the hash functions that choose a bucket in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from amaranth.hdl import Cat, Value

from .base import MapShape

MOST_WAYS = 4


@dataclass(frozen=True, slots=True)
class Table:
    """Two tables of ``2**index_bits`` buckets with ``ways`` slots each; either one alone holds all entries.

    Slot numbers: way in the lowest ``way_bits`` bits, then the bucket, then the table.
    """

    key_bits: int
    ways: int
    index_bits: int

    @staticmethod
    def of(shape: MapShape) -> Table:
        """The tables for a map."""
        return Table.sized(shape.key_size, shape.max_entries)

    @staticmethod
    def sized(key_size: int, entries: int) -> Table:
        """The tables for so many keys of ``key_size`` bytes: half full at most, so that a key rarely finds both its
        buckets full."""
        ways = min(MOST_WAYS, 1 << (entries - 1).bit_length())
        buckets = -(-entries // ways)
        return Table(8 * key_size, ways, max(1, (buckets - 1).bit_length()))

    @property
    def buckets(self) -> int:
        """Buckets of one table."""
        return 1 << self.index_bits

    @property
    def way_bits(self) -> int:
        """Bits of a way's number."""
        return (self.ways - 1).bit_length()

    @property
    def slots(self) -> int:
        """Slots of both tables."""
        return 2 * self.buckets * self.ways

    @property
    def slot_bits(self) -> int:
        """Bits of memory that a slot takes: the key and whether it is there."""
        return self.key_bits + 1

    def masks(self, table: int) -> tuple[int, ...]:
        """Bucket index bit i is the parity of the key bits in ``masks[i]`` (Carter and Wegman's H3)."""
        return _masks(self.key_bits, self.index_bits, table)

    def bucket(self, table: int, key: int) -> int:
        """The bucket that a key has in a table."""
        return sum((mask & key).bit_count() % 2 << i for i, mask in enumerate(self.masks(table)))

    def build_bucket(self, table: int, key: Value) -> Value:
        """`bucket` in hardware."""
        return Cat((key & mask).xor() for mask in self.masks(table))


@cache
def _masks(key_bits: int, index_bits: int, table: int) -> tuple[int, ...]:
    """Table 0 takes the lowest key bits as they are and mixes in the others: keys that count up spread evenly."""
    random = Random(f"hardpath {key_bits} {table}")
    masks = []
    for bit in range(index_bits):
        mask = random.getrandbits(key_bits)
        own = 1 << bit % key_bits
        masks.append(mask >> index_bits << index_bits | own if table == 0 else mask or own)
    return tuple(masks)
