"""The hardware of LPM tries where frames come apart: one lookup looks at one row of a sorted table in each stage.

A trie with a memory for each level (`lpm_unit`) has places for a node of each entry in all of them. The table of ranges
(`lpm_ranges`) is a tenth of that, but one memory, in which one frame searches at a time: as it goes through the stages
in which it would go through the levels, and as long as frames are far enough apart, nothing waits for anything.

A prefix that comes or goes is a walk over all entries (`LpmScanner`) and all ranges while frames go on; they are held
only for the value, and to change to the new table. What the host sees changes at the same edge, so that a reset leaves
what was before or what comes after, whenever it is. For programs that change the trie themselves that is too long.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal

from ..area import Area
from .base import MapShape, SiteKind
from .lpm_ranges import RangeEditor, Ranges, RangeTable
from .lpm_scanner import LpmScanner
from .row_memory import RowMover, serve_sites
from .rows import ValueRows
from .trie import LENGTH_BYTES, Trie
from .unit import HostOp, MapUnit

MOST_ENTRIES = 1024
"""An insert takes five cycles for each entry, but twice the interval and one if frames leave the table one cycle each,
and the host waits for it: with more entries longer than engines wait for the control bus (`sim.engine.Options`)."""


def is_applicable(shape: MapShape, kinds: Sequence[SiteKind], interval: int) -> bool:
    """Whether `LpmRangeUnit` can serve such sites, frames being ``interval`` stages apart."""
    ranges = Ranges(Trie.of(shape))
    lookups = [kind for kind in kinds if kind.name == "lookup"]
    return (
        len(lookups) == 1
        and not any(kind.name == "change" or "length" in dict(kind.operands) for kind in kinds)
        and ranges.steps < min(interval, lookups[0].latency)
        and shape.max_entries <= MOST_ENTRIES
    )


class LpmRangeUnit(MapUnit):
    """Sites are one ``lookup`` of whole keys, ``read`` and ``write``; see `is_applicable`."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, trie: Trie) -> None:
        self.rows = rows
        self.trie = trie
        self.ranges = Ranges(trie)
        self.host_hold = rows.rows + 3
        super().__init__(shape, kinds)

    def logic(self) -> Area:
        """Two comparators of keys for the search, five for what changes the table, and their registers."""
        bits = self.trie.bits
        return Area(lut4=300 + 14 * bits, flip_flops=200 + 12 * bits)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.table = table = RangeTable(self.ranges)
        (number,) = (number for number, kind in enumerate(self.kinds) if kind.name == "lookup")
        self._search(m, number, table)
        self._serve(m, table)
        return m

    def _search(self, m: Module, number: int, table: RangeTable) -> None:
        """How many rows begin at or below the key, from the highest bit of the number down, and what the last one of
        them has. Offset o has the row that decides bit ``steps - o``, and addresses the next one."""
        ranges, site = self.ranges, self.sites[number]
        steps = ranges.steps
        inside = Cat(site.valid[: steps + 1])
        key, below, result = Signal(self.trie.bits), Signal(steps), Signal(ranges.result)
        probe = Signal(steps)  # the row that is there
        more, result_now = Signal(), Signal(ranges.result)
        row = table.search_row
        m.d.comb += [
            more.eq((probe < table.table.count) & (row.start <= key)),
            result_now.eq(Mux(more, row.result, result)),
        ]
        # One frame is in these offsets at most. Until it goes on, its row is fetched again.
        onward, following = Signal(), Signal(steps)
        m.d.comb += [
            onward.eq((site.valid & site.enable)[: steps + 1].any()),
            following.eq(probe),
            table.search.eq(inside.any() & ~(site.valid[steps] & site.enable[steps])),
            table.search_address.eq(Mux(onward, following, probe)),
        ]
        for offset in range(steps):
            bit = steps - 1 - offset  # which the next row decides
            known = Mux(more, probe + 1, below) if offset else Const(0, steps)
            with m.If(site.valid[offset]):
                m.d.comb += following.eq(known | (1 << bit) - 1)
        with m.If(onward):
            m.d.sync += [
                probe.eq(following),
                below.eq(Mux(more, probe + 1, below)),
                result.eq(result_now),
            ]
            with m.If(site.valid[0]):
                m.d.sync += [
                    key.eq(ranges.number(site.operands.data)),
                    below.eq(0),
                    result.eq(table.table.first),
                ]
        found: Any = self.carry(m, number, steps, result_now, "found")
        for offset in range(steps + 1, self.kinds[number].latency):
            found = self.carry(m, number, offset, found, "found")
        m.d.comb += [
            site.results.found.eq(found.found),
            site.results.address.eq(found.slot << self.rows.row_index_bits),
        ]

    def _serve(self, m: Module, table: RangeTable) -> None:
        """The host."""
        host, trie, ranges = self.host, self.trie, self.ranges
        m.submodules.scanner = scanner = LpmScanner(trie)
        m.submodules.editor = editor = RangeEditor(ranges)
        own = serve_sites(m, self, self.rows, [])
        m.submodules.mover = mover = RowMover(self.rows)
        mover.serve(m, host, own)
        length = host.key[: 8 * LENGTH_BYTES]
        around: Any = scanner.around
        entry, edits, commit = Signal(ranges.result), Signal(), Signal()
        m.d.comb += [
            scanner.op.eq(host.op),
            scanner.key.eq(host.key),
            scanner.mode.eq(host.flags),
            scanner.index.eq(host.index),
            scanner.commit.eq(commit),
            host.result_key.eq(scanner.entry_key),
            entry.found.eq(1),
            entry.slot.eq(scanner.slot),
            mover.base.eq(entry.slot << self.rows.row_index_bits),
            mover.hold.eq(own.taken),
            editor.key.eq(ranges.number(host.key[8 * LENGTH_BYTES :])),
            editor.length.eq(length),
            editor.old.eq(Mux(scanner.adds, around, entry)),
            editor.new.eq(Mux(scanner.adds, entry, around)),
            editor.table.eq(table.table),
            editor.fetched.eq(table.edited),
            editor.row_in.eq(table.search_row),
            table.edit_address.eq(editor.address),
            table.store.eq(editor.store),
            table.store_address.eq(editor.store_address),
            table.row.eq(editor.row_out),
            table.new_table.eq(editor.new_table),
            edits.eq(scanner.adds | (host.op == HostOp.DELETE)),
            table.switch.eq(commit & edits),
        ]

        with m.FSM():
            self.host_begin(m, trie.entries, "SCAN")
            with m.State("SCAN"):
                m.d.comb += scanner.start.eq(1)
                with m.If(scanner.done):
                    m.d.sync += host.status.eq(scanner.status)
                    m.next = "DONE"
                    with m.If(scanner.status == 0):
                        m.next = "WAIT"
                        with m.If(edits):
                            m.next = "EDIT"
            with m.State("EDIT"):
                m.d.comb += editor.start.eq(1)
                with m.If(editor.done):
                    m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += self.host_request.eq(1)
                with m.If(self.host_grant):
                    m.next = "MOVE"
                    with m.If(host.op == HostOp.DELETE):
                        m.d.comb += commit.eq(1)
                        m.next = "DONE"
            with m.State("MOVE"):
                m.d.comb += [self.host_request.eq(1), mover.start.eq(1)]
                with m.If(mover.done):
                    m.d.comb += commit.eq(host.op == HostOp.UPDATE)
                    m.next = "DONE"
            self.host_end(m)
