"""What the parts of a hash map's hardware tell each other."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Value
from amaranth.lib import data

from .rows import ValueRows
from .table import Table


class Op(enum.IntEnum):
    """What is done to a key; the values are those of `HostOp`."""

    LOOKUP = 0
    UPDATE = 1
    DELETE = 2


class Begin(enum.IntEnum):
    """Where the walk for a key begins."""

    BUCKETS = 0  # nothing is known: look into its two buckets first
    SEARCH = 1  # it is in neither bucket, but may have overflowed
    INSERT = 2  # it is absent and both buckets are full
    ROWS = 3  # only the value is left to write, to ``slot``


class Records:
    """Layouts for one map; all in bits."""

    def __init__(self, table: Table, rows: ValueRows) -> None:
        self._table = table
        self.slot = (table.slots - 1).bit_length()
        self.place_layout = data.StructLayout({"present": 1, "key": table.key_bits})
        """What a slot holds."""

        self.bucket = data.ArrayLayout(self.place_layout, table.ways)
        """One row of a table."""

        self.commit = data.StructLayout(
            {
                "table": 2,  # which tables change: bit 0 table 0, bit 1 table 1, at most one of them
                "bucket": table.index_bits,
                "ways": table.ways,  # the slots of the bucket that change
                "present": 1,
                "key": table.key_bits,
                "added": 1,  # there is one key more
                "removed": 1,  # there is one key less
                "store": 1,  # a row of the value memory changes
                "address": rows.address_bits,
                "row": 8 * rows.row_bytes,
            }
        )
        """One change of the map's state, to take effect at the coming edge; all zero for none."""

        self.walk = data.StructLayout(
            {
                "begin": 2,
                "op": 2,
                "key": table.key_bits,
                "mode": 2,
                "value": 8 * rows.value_size,
                "free": 1,  # one of the key's two buckets has a free slot,
                "slot": self.slot,  # this one (ROWS: the key's slot)
            }
        )
        """An operation that takes more than the fixed number of cycles."""

        self.outcome = data.StructLayout({"found": 1, "slot": self.slot, "error": 8})
        """How an operation ended; ``error`` is 0 or a negative errno."""

    def place(self, commit: Any, slot: Value) -> Sequence[Any]:
        """Statements: the commit changes the key in this slot."""
        ways, bits = self._table.way_bits, self._table.index_bits
        return [
            commit.bucket.eq(slot[ways : ways + bits]),
            commit.ways.eq(1 << slot[:ways] if ways else 1),
            commit.table.eq(Cat(~slot[-1], slot[-1])),
        ]
