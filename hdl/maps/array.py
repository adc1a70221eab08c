# amaranth: UnusedElaboratable=no
"""Array maps (kernel/bpf/arraymap.c): the key is the entry's number, all entries exist from the start."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..errors import Refused
from .array_unit import ArrayUnit
from .base import Entry, Lowering, MapShape, SiteKind, without_lock
from .creation import HOST_FLAGS, PROGRAM_FLAGS, check_flags
from .linux import BPF_EXIST, BPF_F_INNER_MAP, BPF_F_LOCK, BPF_F_MMAPABLE, BPF_NOEXIST, E2BIG, EEXIST, EINVAL
from .row_map import RowMap, RowModel, by_index, lower_without_lock
from .rows import ValueRows, check_memory, check_sizes


class ArrayModel(RowModel):
    """An array as Linux keeps it. Handles are row addresses, so that `find` only drops the row number."""

    def __init__(self, shape: MapShape, rows: ValueRows) -> None:
        super().__init__(rows)
        self._shape = shape
        self._size = shape.value_size
        initial = (shape.initial or b"").ljust(shape.max_entries * self._size, b"\0")
        self._values = [
            bytearray(initial[i * self._size : (i + 1) * self._size]) for i in range(shape.max_entries)
        ]

    def lookup(self, key: bytes) -> int | None:
        index = int.from_bytes(key, "little")
        return index << self.rows.row_index_bits if index < len(self._values) else None

    def value(self, handle: int) -> bytearray:
        return self._values[handle >> self.rows.row_index_bits]

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        handle = self.lookup(key)
        if flags & ~BPF_F_LOCK > BPF_EXIST:
            return -EINVAL
        if handle is None:
            return -E2BIG
        if flags & BPF_NOEXIST:
            return -EEXIST
        if flags & BPF_F_LOCK and self._shape.lock is None:
            return -EINVAL
        self.value(handle)[:] = without_lock(self._shape, value)
        return 0

    def delete(self, key: bytes) -> int:
        return -EINVAL

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for index, value in enumerate(self._values):
            yield index.to_bytes(4, "little"), bytes(value)

    def find(self, address: int) -> int:
        return address >> self.rows.row_index_bits << self.rows.row_index_bits


class Array(RowMap):
    type = 2
    name = "array"
    holds_locks = True
    operations = RowMap.operations | {"for_each"}
    summary = "numbered entries that always exist; global data too"
    creation_flags = HOST_FLAGS | PROGRAM_FLAGS | BPF_F_MMAPABLE | BPF_F_INNER_MAP

    def check(self, shape: MapShape) -> None:
        check_sizes(shape)
        check_flags(self, shape)
        if shape.key_size != 4:
            raise Refused(
                f"{self.name} map {shape.name} has keys of {shape.key_size} bytes, so Linux cannot create it",
                "give it a key of 4 bytes",
            )
        check_memory(shape, lambda entries: ValueRows(entries, shape.value_size, 1).bytes)

    def layout(self, shape: MapShape) -> ValueRows:
        return by_index(shape)

    def model(self, shape: MapShape) -> ArrayModel:
        return ArrayModel(shape, self.layout(shape))

    def lower_lookup(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Entry:
        """Pure logic: there is nothing to search."""
        rows = self.layout(shape)
        in_range = b.op("ult", 1, key, b.const(shape.max_entries, 32))
        if shape.max_entries == 1:
            return Entry(in_range, b.const(0, rows.address_bits), b.const(0, 1))
        index = b.op("slice", rows.tag_bits, key, attr=0)
        low = (b.const(0, rows.row_index_bits),) if rows.row_index_bits else ()
        return Entry(in_range, b.op("concat", rows.address_bits, *low, index) if low else index, index)

    def lower_update(self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, flags: Any) -> Any:
        """The checks of array_map_update_elem in its order, then one write site for each row."""
        rows = self.layout(shape)
        entry = self.lower_lookup(b, shape, predicate, key)
        unlocked = b.op("and", 64, flags, b.const(~BPF_F_LOCK & ((1 << 64) - 1), 64))
        checks = [
            (b.op("ult", 1, b.const(BPF_EXIST, 64), unlocked), EINVAL),
            (b.op("not", 1, entry.found), E2BIG),
            (b.op("slice", 1, flags, attr=0), EEXIST),
        ]
        if shape.lock is None:
            checks.append((b.op("slice", 1, flags, attr=2), EINVAL))
        value = lower_without_lock(b, shape, value)
        result = b.const(0, 64)
        go = predicate
        for failed, errno in reversed(checks):
            result = b.op("mux", 64, failed, b.const(-errno & ((1 << 64) - 1), 64), result)
            go = b.op("and", 1, go, b.op("not", 1, failed))
        kind, bits = rows.write_kind(), 8 * rows.row_bytes
        for number in range(rows.rows):
            width = min(bits, 8 * shape.value_size - bits * number)
            row = b.op("slice", width, value, attr=bits * number)
            if width < bits:
                row = b.op("zext", bits, row)
            address = entry.address
            if number:
                address = b.op("or", rows.address_bits, address, b.const(number, rows.address_bits))
            mask = b.const((1 << rows.row_bytes) - 1, rows.row_bytes)
            b.site(shape.name, kind, go, address, entry.tag, row, mask)
        return result

    def lower_delete(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        return b.const(-EINVAL & ((1 << 64) - 1), 64)

    def is_constant_address(self) -> bool:
        return True

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> ArrayUnit:
        return ArrayUnit(shape, sites, self.layout(shape))
