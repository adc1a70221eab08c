"""The slow path of a hash map: keys that overflowed, values of several rows, and the host."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .hash_compare import Comparison
from .hash_records import Begin, Op, Records
from .hash_scan import Scan
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, ENOENT
from .row_memory import RowMover
from .rows import ValueRows
from .table import Table


class Walker(wiring.Component):
    """Carries out one `Records.walk` at a time, some cycles for each bucket on the way.

    A key whose two buckets are full lies in the first bucket of table 0 behind its own (wrapping around) that had a
    free slot. The counter of a bucket says how many keys went past it, so a search ends at a bucket with counter 0.

    ``start`` is held with ``walk`` until ``done`` (one cycle, with ``outcome``). ``commit`` (`Records.commit`) changes
    the map. ``address0``, ``address1`` fetch buckets of the tables (and ``address0`` the counter); ``row0``, ``row1``,
    ``count`` answer one cycle later. ``count_store``: the counter at ``address0`` becomes ``count_out``. ``full``: the
    map holds max_entries keys. A lookup on behalf of the host also fetches the value (``fetch_value``) into ``value``;
    ``row_address`` and ``row`` are the read port for it. ``hold``: the value memory cannot be written in this cycle.

    ``row_slots``: buckets are looked through in rows of so many slots (`Scan`): ``place_address`` Out fetches a row,
    ``places`` In answers one cycle later, and nobody asks for ``row0`` and ``row1``. None: a bucket of both tables at
    once.
    """

    def __init__(self, table: Table, rows: ValueRows, count_bits: int, row_slots: int | None = None) -> None:
        self._table, self._rows = table, rows
        self._records = records = Records(table, rows)
        self._scan = scan = None if row_slots is None else Scan(table, records, row_slots)
        super().__init__(
            {
                "start": In(1),
                "walk": In(records.walk),
                "done": Out(1),
                "outcome": Out(records.outcome),
                "commit": Out(records.commit),
                "full": In(1),
                "address0": Out(table.index_bits),
                "address1": Out(table.index_bits),
                "row0": In(records.bucket),
                "row1": In(records.bucket),
                "count": In(count_bits),
                "count_store": Out(1),
                "count_out": Out(count_bits),
                "fetch_value": In(1),
                "value": Out(8 * rows.value_size),
                "row_address": Out(rows.address_bits),
                "row": In(8 * rows.row_bytes),
                "hold": In(1),
                **({"place_address": Out(len(scan.address)), "places": In(scan.row_layout)} if scan else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        table, records, walk = self._table, self._records, self.walk
        commit, outcome = self.commit, self.outcome
        m.submodules.mover = mover = RowMover(self._rows)

        home = Signal(table.index_bits)  # the key's bucket in table 0
        other = Signal(table.index_bits)  # and in table 1
        here = Signal(table.index_bits)  # where the walk is
        slot = Signal(records.slot)
        free = Signal()
        overflowed = Signal()
        m.d.comb += [
            home.eq(table.build_bucket(0, walk.key)),
            other.eq(table.build_bucket(1, walk.key)),
            self.address0.eq(here),
            self.address1.eq(other),
            outcome.slot.eq(slot),
            commit.key.eq(walk.key),
            commit.present.eq(1),
            mover.base.eq(slot << self._rows.row_index_bits),
            mover.write.eq(walk.op == Op.UPDATE),
            mover.hold.eq(self.hold),
            mover.value.eq(walk.value),
            mover.row_in.eq(self.row),
            self.value.eq(mover.result),
            self.row_address.eq(mover.address),
            commit.store.eq(mover.store),
            commit.address.eq(mover.address),
            commit.row.eq(mover.row_out),
        ]
        looks, looked = Signal(), Signal()  # this state wants to know what is in the buckets, and does
        both: Any
        one: Any
        if (scan := self._scan) is not None:
            m.submodules.scan = both = one = scan
            there = Signal.like(other)
            m.d.sync += there.eq(other)
            m.d.comb += [
                scan.key.eq(walk.key),
                scan.bucket0.eq(self.address0),
                scan.bucket1.eq(there),
                scan.start.eq(looks),
                scan.row.eq(self.places),
                self.place_address.eq(scan.address),
                looked.eq(scan.done),
            ]
        else:
            both = Comparison(m, table, walk.key, [self.row0, self.row1], [home, other], "both")
            one = Comparison(m, table, walk.key, [self.row0], [here], "one")
            m.d.comb += looked.eq(1)
        following = (here + 1)[: table.index_bits]

        def end(error: int) -> None:
            m.d.comb += [self.done.eq(1), outcome.found.eq(error == 0), outcome.error.eq(-error)]
            m.next = "IDLE"

        def present(its_slot: Value, passed: Value | int) -> None:
            """The key is in this slot; ``passed``: it has overflowed."""
            m.d.comb += outcome.slot.eq(its_slot)
            m.d.sync += [here.eq(home), slot.eq(its_slot), overflowed.eq(passed)]
            with m.If(walk.op == Op.LOOKUP):
                with m.If(self.fetch_value):
                    m.next = "ROWS"
                with m.Else():
                    end(0)
            with m.Elif(walk.op == Op.DELETE):
                m.next = "REMOVE"
            with m.Elif(walk.mode == BPF_NOEXIST):
                end(EEXIST)
            with m.Else():
                m.next = "ROWS"

        def absent(fits: Value) -> None:
            """The key is not there; ``fits``: one of its two buckets has a free slot."""
            m.d.sync += here.eq(home)
            with m.If((walk.op != Op.UPDATE) | (walk.mode == BPF_EXIST)):
                end(ENOENT)
            with m.Elif(self.full):
                end(E2BIG)
            with m.Elif(fits):
                m.next = "PUT"
            with m.Else():
                m.next = "FETCH_FREE"

        # Every cycle of a scan counts, so its end decides. What compares at once has ports to give back with ``done``,
        # which must not wait for the comparison.
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.address0.eq(home)
                m.d.sync += [here.eq(home), slot.eq(walk.slot), free.eq(walk.free)]
                with m.If(self.start), m.Switch(walk.begin):
                    with m.Case(Begin.BUCKETS):
                        m.next = "BUCKETS"
                    with m.Case(Begin.SEARCH):
                        m.d.sync += here.eq(home + 1)
                        m.next = "FETCH"
                    with m.Case(Begin.INSERT):
                        m.next = "FREE"
                    with m.Case(Begin.ROWS):
                        m.next = "ROWS"
            with m.State("BUCKETS"):
                m.d.comb += looks.eq(1)
                if scan is not None:
                    m.d.comb += scan.both.eq(1)
                with m.If(looked):
                    m.d.sync += [slot.eq(both.free_slot), free.eq(both.free), here.eq(following)]
                    with m.If(both.hit):
                        if scan is not None:
                            present(both.slot, 0)
                        else:
                            m.d.sync += [slot.eq(both.slot), overflowed.eq(0)]
                            m.next = "PRESENT"
                    with m.Elif(self.count != 0):
                        m.next = "FETCH"
                    with m.Else():
                        if scan is not None:
                            absent(both.free)
                        else:
                            m.next = "ABSENT"
            with m.State("FETCH"):
                m.next = "COMPARE"
            with m.State("COMPARE"):
                m.d.comb += looks.eq(1)
                with m.If(looked):
                    m.d.sync += here.eq(following)
                    with m.If(one.hit):
                        m.d.sync += [slot.eq(one.slot), overflowed.eq(1)]
                        m.next = "PRESENT"
                    with m.Elif((self.count == 0) | (following == home)):
                        m.next = "ABSENT"
                    with m.Else():
                        m.next = "FETCH"
            with m.State("PRESENT"):
                present(slot, overflowed)
            with m.State("ABSENT"):
                absent(free)
            with m.State("REMOVE"):
                m.d.comb += [*records.place(commit, slot), commit.present.eq(0), commit.removed.eq(1)]
                with m.If(overflowed):
                    m.next = "FETCH_PASSED"
                with m.Else():
                    end(0)
            with m.State("FETCH_FREE"):
                m.next = "FREE"
            with m.State("FREE"):
                m.d.comb += looks.eq(1)
                with m.If(looked):
                    m.d.sync += slot.eq(one.free_slot)
                    with m.If(one.free):
                        m.next = "PUT"
                    with m.Else():
                        m.d.comb += [self.count_store.eq(1), self.count_out.eq(self.count + 1)]
                        m.d.sync += here.eq(following)
                        m.next = "FETCH_FREE"
            with m.State("PUT"):
                m.d.comb += [*records.place(commit, slot), commit.added.eq(1), mover.start.eq(1)]
                m.next = "ROWS"
                with m.If(mover.done):
                    end(0)
            with m.State("ROWS"):
                m.d.comb += mover.start.eq(1)
                with m.If(mover.done):
                    end(0)
            with m.State("FETCH_PASSED"):
                m.next = "PASSED"
            with m.State("PASSED"):
                m.d.comb += [self.count_store.eq(1), self.count_out.eq(self.count - 1)]
                m.d.sync += here.eq(following)
                m.next = "FETCH_PASSED"
                with m.If(following == slot[table.way_bits : -1]):
                    end(0)
        return m
