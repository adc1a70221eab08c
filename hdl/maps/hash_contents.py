"""Where the keys lie that a hash map holds from the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .rows import ValueRows
from .table import Table


@dataclass
class HashContents:
    """Slot -> key, and for each bucket of table 0 how many keys went past it, as `hash_unit` has it after inserting
    ``first`` (key -> value, both as numbers) in this order."""

    table: Table
    first: Mapping[int, int]
    slots: dict[int, int] = field(default_factory=dict)
    passed: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.passed = [0] * self.table.buckets if self.first else []
        for key in self.first:
            self.slots[self._place(key)] = key

    def _place(self, key: int) -> int:
        buckets = [self._free(number, self.table.bucket(number, key)) for number in range(2)]
        emptier = max(buckets, key=len)  # the first of those that are alike
        if emptier:
            return emptier[0]
        here = self.table.bucket(0, key)
        while not (free := self._free(0, here)):
            self.passed[here] += 1
            here = (here + 1) % self.table.buckets
        return free[0]

    def _free(self, number: int, bucket: int) -> list[int]:
        start = (number << self.table.index_bits | bucket) << self.table.way_bits
        return [slot for slot in range(start, start + self.table.ways) if slot not in self.slots]

    def buckets(self, number: int) -> list[list[dict[str, int]]]:
        """The initial rows of a table's memory (`Records.bucket`)."""
        if not self.first:
            return []
        ways, start = self.table.ways, number * self.table.buckets * self.table.ways
        slots = [
            {"present": int(slot in self.slots), "key": self.slots.get(slot, 0)}
            for slot in range(start, start + self.table.buckets * ways)
        ]
        return [slots[i : i + ways] for i in range(0, len(slots), ways)]

    def rows(self, layout: ValueRows) -> list[int]:
        """The initial rows of the value memory."""
        rows = [0] * (layout.depth if self.first else 0)
        bits = 8 * layout.row_bytes
        for slot, key in self.slots.items():
            for number in range(layout.rows):
                at = (slot << layout.row_index_bits) + number
                rows[at] = self.first[key] >> bits * number & (1 << bits) - 1
        return rows
