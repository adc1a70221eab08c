"""Reference behaviour of hash maps: kernel/bpf/hashtab.c on one CPU, down to which element's memory is used next.

An update of a key that is present moves it to another element, so a pointer from before keeps the old bytes, until
Linux uses that element again. Preallocated maps (the default) swap with one spare element (htab->extra_elems) and take
new elements from a stack of freed ones (pcpu_freelist); BPF_F_NO_PREALLOC maps allocate first and free then, from
an allocator (bpf_mem_alloc) that is such a stack too.
"""

from __future__ import annotations

from collections.abc import Iterator

from .base import MapShape, without_lock
from .linux import BPF_EXIST, BPF_F_LOCK, BPF_F_NO_PREALLOC, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT
from .row_map import RowModel
from .rows import ValueRows


class HashModel(RowModel):
    """A hash map as Linux keeps it. A handle is an element number times the stride of ``rows``, so that it can serve as
    the row address of the value in graph evaluation."""

    def __init__(self, shape: MapShape, rows: ValueRows) -> None:
        super().__init__(rows)
        self._shape = shape
        self._max_entries = shape.max_entries
        self._value_size = shape.value_size
        self._stride = 1 << rows.row_index_bits
        self._elements: dict[bytes, int] = {}
        self._memory: list[bytearray] = []
        self._free: list[int] = []
        self._spare = None if shape.flags & BPF_F_NO_PREALLOC else self._allocate()

    def _allocate(self) -> int:
        if self._free:
            return self._free.pop()
        self._memory.append(bytearray(self._value_size))
        return len(self._memory) - 1

    def lookup(self, key: bytes) -> int | None:
        element = self._elements.get(key)
        return None if element is None else element * self._stride

    def value(self, handle: int) -> bytearray:
        return self._memory[handle // self._stride]

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        old = self._elements.get(key)
        in_place = bool(flags & BPF_F_LOCK)
        flags &= ~BPF_F_LOCK
        if flags > BPF_EXIST or (in_place and self._shape.lock is None):
            return -EINVAL
        if flags == BPF_NOEXIST and old is not None:
            return -EEXIST
        if flags == BPF_EXIST and old is None:
            return -ENOENT
        if old is None and len(self._elements) >= self._max_entries:
            return -E2BIG
        if old is not None and in_place:
            new = old
        elif old is not None and self._spare is not None:
            new, self._spare = self._spare, old
        else:
            new = self._allocate()
            if old is not None:
                self._free.append(old)
        self._memory[new][:] = without_lock(self._shape, value)
        self._elements[key] = new
        return 0

    def delete(self, key: bytes) -> int:
        element = self._elements.pop(key, None)
        if element is None:
            return -ENOENT
        self._free.append(element)
        return 0

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for key, element in self._elements.items():
            yield key, bytes(self._memory[element])

    def find(self, address: int) -> int:
        return address - address % self._stride

    def holds(self, address: int) -> bool:
        return address // self._stride < len(self._memory)
