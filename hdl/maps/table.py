"""The geometry of a hash map's two tables, and the hash functions that choose a bucket in each."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random

from amaranth.hdl import Cat, Value

from ..area import DEVICES, memory
from .base import MapShape
from .rows import ROW_LIMIT

WORTH = 0.05
"""Part of the smallest device that another geometry than the usual one must save."""


@dataclass(frozen=True, slots=True)
class Table:
    """Two tables of ``2**index_bits`` buckets with ``ways`` slots each; either one alone has room for all entries.

    Slot numbers: way in the lowest ``way_bits`` bits, then the bucket, then the table.
    """

    key_bits: int
    ways: int
    index_bits: int

    @staticmethod
    def of(shape: MapShape) -> Table:
        """The tables for a map."""
        return Table.sized(shape.key_size, shape.value_size, shape.max_entries)

    @staticmethod
    @cache
    def sized(key_size: int, value_size: int, entries: int) -> Table:
        """The tables for so many keys and values of these many bytes: the usual ones, or the narrow ones if that
        is worth it: block memory has hundreds of rows, and what is less wide takes less of it."""
        usual, narrow = _half_full(key_size, entries), _quarter_full(key_size, entries)
        return narrow if usual._share(8 * value_size) - narrow._share(8 * value_size) > WORTH else usual

    @staticmethod
    def patient(shape: MapShape) -> list[Table]:
        """Those among which hardware may choose that keeps keys once, whatever its rows are: none has more slots than
        `of` says."""
        chosen = Table.of(shape)
        tables = (_half_full(shape.key_size, shape.max_entries), chosen)
        return sorted({each for each in tables if each.slots <= chosen.slots}, key=lambda table: table.slots)

    def _share(self, value_bits: int) -> float:
        """Of the smallest device, the part that its memories take with two sites for keys and one for values."""
        keys = memory(self.ways * self.slot_bits, self.buckets, 4, parts=self.ways)
        row = min(value_bits, 8 * ROW_LIMIT)
        values = memory(row, self.slots * -(-value_bits // row), 1, parts=row // 8)
        return DEVICES[0].share(keys + values)[0]

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
    def capacity(self) -> int:
        """Keys for which there is a slot whatever they are: one table alone takes those that overflow."""
        return self.buckets * self.ways

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


def _half_full(key_size: int, entries: int) -> Table:
    """So that a key rarely finds both its buckets full: of random keys in full maps none of 30,000."""
    return _roomy(key_size, entries, 4, 1)


def _quarter_full(key_size: int, entries: int) -> Table:
    """With two ways: of random keys in full maps one of 8,000 does."""
    return _roomy(key_size, entries, 2, 2)


def _roomy(key_size: int, entries: int, most_ways: int, spare: int) -> Table:
    """Either table has room for ``spare`` times the entries."""
    ways = min(most_ways, 1 << (entries - 1).bit_length())
    buckets = -(-entries * spare // ways)
    return Table(8 * key_size, ways, max(1, (buckets - 1).bit_length()))


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
