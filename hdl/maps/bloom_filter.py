# amaranth: UnusedElaboratable=no
"""Bloom filters (kernel/bpf/bloom_filter.c): whether a value may have been pushed.

A value that was pushed is always found. One that was not is found in some cases, and in which ones depends in Linux on
a random number drawn when the map is made. There hardware and interpreter, which are the same, can differ from Linux.
The hardware has the five hash functions that Linux has by default, and more bits, so there are no more such cases.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from amaranth.hdl import Cat, Value

from .. import delays
from .base import Front, Lowering, MapModel, MapPlugin, MapShape, SiteKind
from .bloom_unit import BloomUnit
from .creation import HOST_FLAGS, PROGRAM_FLAGS, check_flags
from .linux import BPF_F_ZERO_SEED, EINVAL, ENOENT, EOPNOTSUPP
from .rows import check_memory, check_sizes_without_key, operands_by_name

VALUE_LIMIT = 64
"""Bytes of a value at most: all of it is hashed in one stage."""

HASHES = 5
"""BPF_BLOOM_FILTER hash functions if map_extra is 0; another number only changes how often the answer is wrong."""

_BITS = frozenset({"bits"})
U64 = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Filter:
    """`HASHES` tables of ``2**index_bits`` bits; a value sets one bit in each."""

    value_bits: int
    index_bits: int

    @staticmethod
    def sized(value_size: int, entries: int) -> Filter:
        """Linux takes `HASHES` * 7 / 5 bits an entry, rounded up to a power of two, 64 at least; a quarter of this is
        in each table here."""
        return Filter(8 * value_size, max(64 - 1, entries * HASHES * 7 // 5 - 1).bit_length() - 2)

    @staticmethod
    def of(shape: MapShape) -> Filter:
        """The filter of a map."""
        return Filter.sized(shape.value_size, shape.max_entries)

    @property
    def masks(self) -> tuple[tuple[int, ...], ...]:
        """Index bit i in a table is the parity of the value's bits in ``masks[table][i]`` (Carter and Wegman's H3)."""
        return _masks(self.value_bits, self.index_bits)

    def places(self, value: int) -> tuple[int, ...]:
        """The value's bit in each table."""
        return tuple(
            sum((mask & value).bit_count() % 2 << i for i, mask in enumerate(masks)) for masks in self.masks
        )

    def build_places(self, value: Value) -> list[Value]:
        """`places` in hardware."""
        return [Cat((value & mask).xor() for mask in masks) for masks in self.masks]


@cache
def _masks(value_bits: int, index_bits: int) -> tuple[tuple[int, ...], ...]:
    random = Random(f"hardpath bloom {value_bits}")
    return tuple(tuple(random.randrange(1, 1 << value_bits) for _ in range(index_bits)) for _ in range(HASHES))


class BloomModel(MapModel):
    """Nothing can be taken away or listed. As bpf(2) has it, update pushes."""

    def __init__(self, shape: MapShape) -> None:
        self._filter = Filter.of(shape)
        self._tables = [0] * HASHES

    def _places(self, value: bytes) -> Iterator[tuple[int, int]]:
        return enumerate(self._filter.places(int.from_bytes(value, "little")))

    def push(self, value: bytes, flags: int) -> int:
        if flags:
            return -EINVAL
        for table, place in self._places(value):
            self._tables[table] |= 1 << place
        return 0

    def peek(self, value: bytes) -> bytes | None:
        return value if all(self._tables[table] >> place & 1 for table, place in self._places(value)) else None

    def lookup(self, key: bytes) -> int | None:
        return None

    def value(self, handle: int) -> bytearray:
        raise KeyError(handle)

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        return self.push(value, flags)

    def delete(self, key: bytes) -> int:
        return -EOPNOTSUPP

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        return iter(())


class BloomFilter(MapPlugin):
    type = 30
    name = "bloom_filter"
    summary = "whether a value may have been pushed; which others are found too is not as in Linux"
    creation_flags = HOST_FLAGS | PROGRAM_FLAGS | BPF_F_ZERO_SEED
    operations = frozenset({"push", "peek"})
    peeks_for_value = True

    def check(self, shape: MapShape) -> None:
        check_sizes_without_key(shape, VALUE_LIMIT)
        check_flags(self, shape)
        check_memory(shape, lambda entries: HASHES * -(-(1 << Filter.sized(1, entries).index_bits) // 8))

    def model(self, shape: MapShape) -> BloomModel:
        return BloomModel(shape)

    def _kind(self, shape: MapShape, name: str) -> SiteKind:
        """``push`` or ``peek``; operand ``value``, result of peek: ``found``. Values share bits: tags do not matter."""
        bits = 8 * shape.value_size
        peek = name == "peek"
        reads, writes = (_BITS, frozenset[str]()) if peek else (frozenset[str](), _BITS)
        results = (("found", 1),) if peek else ()
        delay = delays.tree(bits)
        return SiteKind(name, (("value", bits),), results, int(peek), (0, 0), reads, writes, _BITS, delay_in=delay)

    def lower_push(self, b: Lowering, shape: MapShape, predicate: Any, value: Any, flags: Any) -> Any:
        good = b.op("eq", 1, flags, b.const(0, 64))
        b.site(shape.name, self._kind(shape, "push"), b.op("and", 1, predicate, good), value)
        return b.op("mux", 64, good, b.const(0, 64), b.const(-EINVAL & U64, 64))

    def lower_peek(self, b: Lowering, shape: MapShape, predicate: Any, value: Any) -> Front:
        site = b.site(shape.name, self._kind(shape, "peek"), predicate, value)
        return Front(b.op("mux", 64, b.field(site, "found"), b.const(0, 64), b.const(-ENOENT & U64, 64)), value)

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        value = operands_by_name(kind, operands)["value"].to_bytes(dict(kind.operands)["value"] // 8, "little")
        if kind.name == "push":
            return model.push(value, 0)
        return int(model.peek(value) is not None)

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> BloomUnit:
        filter = Filter.of(shape)
        return BloomUnit(shape, sites, 1 << filter.index_bits, filter.build_places)
