"""Reference behaviour of LPM tries (kernel/bpf/lpm_trie.c, since 6.13) on one CPU.

An update of a prefix that is there moves it to another element; a pointer from before keeps the old bytes, since memory
is not used again before the program has ended.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from .base import MapShape
from .linux import BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOSPC
from .row_map import RowModel
from .rows import ValueRows
from .trie import LENGTH_BYTES, Trie

KEPT = 4096
"""Elements that are gone and can still be read: more than one run of a program leaves behind."""

Prefix = tuple[int, int]
"""Its length, and its bits as a number."""


class LpmModel(RowModel):
    """An entry keeps its place, as in hardware; a handle is the row address of the place and, above, a number that is
    another one after each update."""

    def __init__(self, shape: MapShape, rows: ValueRows) -> None:
        super().__init__(rows)
        self._bits = Trie.of(shape).bits
        self._places: dict[Prefix, int] = {}
        self._lengths: Counter[int] = Counter()
        self._free = list(range(shape.max_entries - 1, -1, -1))
        self._keys = [b""] * shape.max_entries
        self._handles = list(range(0, rows.depth, 1 << rows.row_index_bits))
        self._memory: dict[int, bytearray] = {}
        self._gone: deque[int] = deque()

    def _length(self, key: bytes) -> int:
        return int.from_bytes(key[:LENGTH_BYTES], "little")

    def _prefix(self, key: bytes, length: int) -> Prefix:
        return length, int.from_bytes(key[LENGTH_BYTES:], "big") >> self._bits - length

    def lookup(self, key: bytes) -> int | None:
        """The longest prefix that is not longer than the key's."""
        most = self._length(key)
        if most > self._bits:
            return None
        for length in sorted(self._lengths, reverse=True):
            place = self._places.get(self._prefix(key, length)) if length <= most else None
            if place is not None:
                return self._handles[place]
        return None

    def value(self, handle: int) -> bytearray:
        return self._memory[handle]

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        length = self._length(key)
        if flags > BPF_EXIST or length > self._bits:
            return -EINVAL
        prefix = self._prefix(key, length)
        place = self._places.get(prefix)
        if place is None:
            if flags == BPF_EXIST:
                return -ENOENT
            if not self._free:
                return -ENOSPC
            place = self._places[prefix] = self._free.pop()
            self._lengths[length] += 1
        elif flags == BPF_NOEXIST:
            return -EEXIST
        else:
            self._let_go(place)
        self._handles[place] += self.rows.depth
        self._memory[self._handles[place]] = bytearray(value)
        self._keys[place] = key
        return 0

    def delete(self, key: bytes) -> int:
        length = self._length(key)
        if length > self._bits:
            return -EINVAL
        place = self._places.pop(self._prefix(key, length), None)
        if place is None:
            return -ENOENT
        self._lengths -= Counter((length,))
        self._let_go(place)
        self._free.append(place)
        return 0

    def _let_go(self, place: int) -> None:
        self._gone.append(self._handles[place])
        if len(self._gone) > KEPT:
            del self._memory[self._gone.popleft()]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """In postorder: what begins with a prefix comes before it."""

        def position(prefix: Prefix) -> str:
            length, bits = prefix
            return f"{bits:0{length}b}2" if length else "2"

        for prefix in sorted(self._places, key=position):
            place = self._places[prefix]
            yield self._keys[place], bytes(self._memory[self._handles[place]])

    def entry_key(self, handle: int, key: bytes) -> bytes:
        return self._keys[handle % self.rows.depth >> self.rows.row_index_bits]

    def find(self, address: int) -> int:
        return self._handles[address >> self.rows.row_index_bits]

    def holds(self, address: int) -> bool:
        return super().holds(address) and self.find(address) in self._memory
