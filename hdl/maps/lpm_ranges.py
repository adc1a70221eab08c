"""LPM tries as ranges of keys: each range has one longest prefix, and a sorted table says where the next one begins.

Two copies of the table: frames search in one of them while `RangeEditor` writes the other one anew, as it is after a
prefix has come or gone; then they change places.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..verilog_memory import NO_COLLISIONS
from .trie import Trie


@dataclass(frozen=True, slots=True)
class Ranges:
    """The geometry of the table for the prefixes of a trie. Keys are numbers here, their first bit highest."""

    trie: Trie

    @property
    def rows(self) -> int:
        """A prefix adds two beginnings of ranges at most: its own and that of what is behind it."""
        return 2 * self.trie.entries

    @property
    def steps(self) -> int:
        """Rows that a search looks at: it ends with one of ``rows + 1`` ranges."""
        return self.rows.bit_length()

    @property
    def index_bits(self) -> int:
        """Bits of a row's number."""
        return (self.rows - 1).bit_length()

    @property
    def result(self) -> data.StructLayout:
        """What a range has: whether there is a prefix, and its entry."""
        return self.trie.reference

    @property
    def row(self) -> data.StructLayout:
        """A range that does not begin at 0."""
        return data.StructLayout({"start": self.trie.bits, "result": self.result})

    @property
    def table(self) -> data.StructLayout:
        """What is not in the memory: the range that begins at 0, and the number of rows."""
        return data.StructLayout({"first": self.result, "count": range(self.rows + 1)})

    def number(self, key: Value) -> Value:
        """The bits behind the length of a key (as its bytes lie in memory) as a number."""
        return Cat(reversed(self.trie.path(key)))


class RangeTable(wiring.Component):
    """The two copies. ``table`` Out, ``search_row`` Out: those of the copy that is in use; ``search`` In: the row
    ``search_address`` is wanted, which is there one cycle later. While nothing is searched ``edit_address`` is fetched
    from the same copy: ``edited`` Out says that ``search_row`` is that.

    ``store`` writes ``row`` to ``store_address`` of the other copy, and ``switch`` changes places, with ``new_table``.
    """

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        index = ranges.index_bits
        super().__init__(
            {
                "table": Out(ranges.table),
                "search": In(1),
                "search_address": In(index),
                "search_row": Out(ranges.row),
                "edit_address": In(index),
                "edited": Out(1),
                "store": In(1),
                "store_address": In(index),
                "row": In(ranges.row),
                "switch": In(1),
                "new_table": In(ranges.table),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ranges = self._ranges
        turn = Signal(reset_less=True)  # the memories survive a reset, too
        known = Signal(ranges.table, reset_less=True)
        rows = []
        for number in range(2):
            memory = Memory(shape=ranges.row, depth=ranges.rows, init=[], attrs=NO_COLLISIONS)
            m.submodules[f"copy_{number}"] = memory
            store, fetch = memory.write_port(), memory.read_port()
            m.d.comb += [
                store.addr.eq(self.store_address),
                store.data.eq(self.row),
                store.en.eq(self.store & (turn != number)),
                fetch.addr.eq(Mux(self.search, self.search_address, self.edit_address)),
            ]
            rows.append(fetch.data)
        m.d.sync += self.edited.eq(~self.search)
        m.d.comb += [self.table.eq(known), self.search_row.eq(Mux(turn, rows[1], rows[0]))]
        with m.If(self.switch):
            m.d.sync += [turn.eq(~turn), known.eq(self.new_table)]
        return m


class RangeEditor(wiring.Component):
    """Copies the table with a prefix more or less.

    Inside of the prefix ``key`` (a number, of which ``length`` bits count) ranges with the result ``old`` get ``new``:
    for a prefix that comes, ``old`` is the next shorter one around it, which is the same for all of it; for one that
    goes, ``new`` is. Neighbours with the same result become one range, so no more rows are taken than needed.

    ``start`` In: held until ``done`` (Out, one cycle, with ``new_table``). Towards `RangeTable`: ``table``,
    ``address``, ``fetched`` (``row_in`` is the row that was addressed a cycle before), ``store``, ``store_address``,
    ``row_out``.
    """

    def __init__(self, ranges: Ranges) -> None:
        self._ranges = ranges
        trie, index = ranges.trie, ranges.index_bits
        super().__init__(
            {
                "start": In(1),
                "key": In(trie.bits),
                "length": In(trie.length_bits),
                "old": In(ranges.result),
                "new": In(ranges.result),
                "done": Out(1),
                "table": In(ranges.table),
                "address": Out(index),
                "fetched": In(1),
                "row_in": In(ranges.row),
                "store": Out(1),
                "store_address": Out(index),
                "row_out": Out(ranges.row),
                "new_table": Out(ranges.table),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ranges, bits = self._ranges, self._ranges.trie.bits
        mask = Signal(bits)  # of the bits that are free
        border = Signal(bits + 1)  # where the prefix begins, and then where it has ended; beyond all keys for never
        inside = Signal()  # the prefix has begun, and not ended
        taken = Signal.like(self.table.count)  # rows of the old table that have been looked at
        row, there = Signal(ranges.row), Signal()  # the next one of them, if it is known
        was = Signal(ranges.result)  # the old table's result for keys from here on
        written: Any = self.new_table.count

        more = Signal()
        m.d.comb += [self.address.eq(taken), more.eq(taken != self.table.count)]

        def result(of: Any, within: Value) -> Value:
            return Mux(within & (Value.cast(of) == Value.cast(self.old)), Value.cast(self.new), Value.cast(of))

        at_row, at_border, begins, ends = Signal(), Signal(), Signal(), Signal()
        now, last, within = Signal(ranges.result), Signal(ranges.result), Signal()
        m.d.comb += [
            at_row.eq(there & (row.start <= border)),
            at_border.eq(~border[-1] & (~there | (row.start >= border))),
            begins.eq(at_border & ~inside),
            ends.eq(at_border & inside),
            within.eq(begins | (inside & ~ends)),
            now.eq(result(Mux(at_row, row.result, was), within)),
            self.store_address.eq(written),
            self.row_out.start.eq(Mux(at_row, row.start, border)),
            self.row_out.result.eq(now),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += mask.eq(Const((1 << bits) - 1, bits) >> self.length)
                m.next = "BORDERS"
            with m.State("BORDERS"):
                m.d.sync += [
                    border.eq(self.key & ~mask),
                    inside.eq(0),
                    taken.eq(0),
                    there.eq(0),
                    written.eq(0),
                    was.eq(self.table.first),
                ]
                m.next = "FIRST"
            with m.State("FIRST"):
                # The range at 0 has no row, and may be inside.
                at_zero = border == 0
                m.d.comb += now.eq(result(self.table.first, at_zero))
                m.d.sync += [self.new_table.first.eq(now), last.eq(now)]
                with m.If(at_zero):
                    m.d.sync += [inside.eq(1), border.eq(mask + 1)]
                m.next = "FETCH"
            with m.State("FETCH"):
                # A fetch is under way, unless there is nothing to fetch.
                m.next = "ROW"
            with m.State("ROW"):
                with m.If(~more | there):
                    m.next = "MERGE"
                with m.Elif(self.fetched):
                    m.d.sync += [row.eq(self.row_in), there.eq(1), taken.eq(taken + 1)]
                    m.next = "MERGE"
            with m.State("MERGE"):
                m.next = "ROW"
                with m.If(at_row):
                    m.d.sync += [was.eq(row.result), there.eq(0)]
                with m.If(begins):
                    m.d.sync += [inside.eq(1), border.eq((self.key | mask) + 1)]
                with m.If(ends):
                    m.d.sync += [inside.eq(0), border.eq(Const(1 << bits, bits + 1))]
                with m.If(~at_row & ~at_border):
                    m.d.comb += self.done.eq(1)
                    m.next = "IDLE"
                with m.Elif(Value.cast(now) != Value.cast(last)):
                    m.d.comb += self.store.eq(1)
                    m.d.sync += [last.eq(now), written.eq(written + 1)]
        return m
