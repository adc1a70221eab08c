"""One access site for keys (a lookup, or an update or delete) of a hash map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value

from .base import DELETE
from .hash_compare import Comparison
from .hash_records import Begin, Op, Records
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, ENOENT
from .rows import ValueRows
from .table import Table


class KeySite:
    """Logic of one site: offset 0 fetches the buckets, offset 1 compares and commits, offset 2 has the result.

    While the frame waits in offset 1 its buckets are fetched again in every cycle, so what is compared is always the
    state of the last edge. ``commit`` (`Records.commit`) changes something only in the cycle in which the frame leaves
    offset 1. What cannot be settled there becomes a ``walk`` (`Records.walk`) that is ``pending`` while the frame
    stands in offset 2, until `settle`.

    ``fetch``: read ports of both tables and of the overflow counters (always enabled).
    """

    def __init__(
        self,
        m: Module,
        name: str,
        site: Any,
        table: Table,
        rows: ValueRows,
        fetch: Sequence[Any],
        full: Value,
    ) -> None:
        self._m, self._name, self._site, self._table, self._rows = m, name, site, table, rows
        self._records = records = Records(table, rows)
        self.commit = Signal(records.commit, name=f"{self._name}_commit")
        self.walk = Signal(records.walk, name=f"{self._name}_walk", reset_less=True)
        self.outcome = Signal(records.outcome, name=f"{self._name}_outcome", reset_less=True)
        self.pending = Signal(name=f"{self._name}_pending")

        key = self._carried(site.operands.key, "key")
        changes = hasattr(site.operands, "mode")
        self._mode = self._carried(site.operands.mode, "mode") if changes else None
        self._value = self._carried(site.operands.value, "value") if changes else None
        buckets = self._fetch(fetch)
        rows_of_key, overflowed = [port.data for port in fetch[:2]], fetch[2].data != 0
        found = Comparison(m, table, key, rows_of_key, buckets, self._name)
        m.d.comb += self.commit.key.eq(key)
        unsettled = Signal(name=f"{self._name}_unsettled")
        m.d.comb += unsettled.eq(~found.hit & overflowed)
        with m.If(site.enable[1]):
            m.d.sync += [
                self.pending.eq(site.valid[1] & unsettled),
                self.walk.key.eq(key),
                self.walk.begin.eq(Begin.SEARCH),
                self.walk.free.eq(found.free),
                self.walk.slot.eq(found.free_slot),
                self.outcome.found.eq(found.hit),
                self.outcome.slot.eq(found.slot),
                self.outcome.error.eq(0),
            ]
            settled = site.valid[1] & ~unsettled
            if self._mode is None:
                m.d.sync += self.walk.op.eq(Op.LOOKUP)
            else:
                with m.If(self._mode == DELETE):
                    self._delete(settled, found)
                with m.Else():
                    self._update(settled, found, full)
        m.d.comb += site.stall[2].eq(self.pending)
        self._deliver()

    def _carried(self, value: Any, name: str) -> Signal:
        """An operand in offset 1."""
        register = Signal.like(value, name=f"{self._name}_{name}", reset_less=True)
        with self._m.If(self._site.enable[0]):
            self._m.d.sync += register.eq(value)
        return register

    def _fetch(self, ports: Sequence[Any]) -> list[Value]:
        """Address the read ports; returns the key's buckets in offset 1."""
        m, key = self._m, self._site.operands.key
        buckets = []
        for number in range(2):
            fresh = Signal(self._table.index_bits, name=f"{self._name}_bucket_{number}")
            m.d.comb += fresh.eq(self._table.build_bucket(number, key))
            held = self._carried(fresh, f"held_bucket_{number}")
            address = Mux(self._site.enable[0], fresh, held)
            m.d.comb += ports[number].addr.eq(address)
            if number == 0:
                m.d.comb += ports[2].addr.eq(address)
            buckets.append(held)
        return buckets

    def _update(self, settled: Value, found: Comparison, full: Value) -> None:
        m, rows = self._m, self._rows
        slot = Signal.like(self.outcome.slot, name=f"{self._name}_slot")
        write = Signal(name=f"{self._name}_write")
        m.d.comb += [
            slot.eq(Mux(found.hit, found.slot, found.free_slot)),
            self.commit.store.eq(write),
            self.commit.address.eq(slot << rows.row_index_bits),
            self.commit.row.eq(self._value),
            self.commit.present.eq(1),
        ]
        m.d.sync += [self.walk.op.eq(Op.UPDATE), self.walk.mode.eq(self._mode), self.walk.value.eq(self._value)]
        with m.If(settled):
            with m.If(found.hit):
                with m.If(self._mode == BPF_NOEXIST):
                    m.d.sync += self.outcome.error.eq(-EEXIST)
                with m.Else():
                    m.d.comb += write.eq(1)
            with m.Elif(self._mode == BPF_EXIST):
                m.d.sync += self.outcome.error.eq(-ENOENT)
            with m.Elif(full):
                m.d.sync += self.outcome.error.eq(-E2BIG)
            with m.Elif(found.free):
                m.d.comb += [
                    *self._records.place(self.commit, found.free_slot),
                    self.commit.added.eq(1),
                    write.eq(1),
                ]
            with m.Else():
                m.d.sync += [self.pending.eq(1), self.walk.begin.eq(Begin.INSERT)]
        if rows.rows > 1:
            with m.If(write):
                m.d.sync += [self.pending.eq(1), self.walk.begin.eq(Begin.ROWS), self.walk.slot.eq(slot)]

    def _delete(self, settled: Value, found: Comparison) -> None:
        m = self._m
        m.d.sync += self.walk.op.eq(Op.DELETE)
        with m.If(settled):
            with m.If(found.hit):
                m.d.comb += [*self._records.place(self.commit, found.slot), self.commit.removed.eq(1)]
            with m.Else():
                m.d.sync += self.outcome.error.eq(-ENOENT)

    def _deliver(self) -> None:
        results = self._site.results
        if self._mode is None:
            address = self.outcome.slot << self._rows.row_index_bits
            self._m.d.comb += [results.found.eq(self.outcome.found), results.address.eq(address)]
        else:
            self._m.d.comb += results.error.eq(self.outcome.error)

    def settle(self, outcome: Value) -> None:
        """The walk has ended like this (in the context of a condition)."""
        self._m.d.sync += [self.outcome.eq(outcome), self.pending.eq(0)]
