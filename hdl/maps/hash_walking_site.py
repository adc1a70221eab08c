"""An access site for keys of a hash map that leaves all to the walker."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value

from .base import DELETE
from .hash_records import Begin, Op, Records
from .rows import ValueRows
from .table import Table


class WalkingSite:
    """What `KeySite` does for keys that overflowed, for every key: the frame waits in offset 2 while its ``walk`` is
    ``pending``, until `settle`. So all that makes that exact holds here.

    Operands are kept once, from offset 0 to 2, for which frames have to be two stages apart.
    """

    def __init__(self, m: Module, name: str, site: Any, table: Table, rows: ValueRows) -> None:
        records = Records(table, rows)
        self._m = m
        self.walk = Signal(records.walk, name=f"{name}_walk", reset_less=True)
        self.outcome = Signal(records.outcome, name=f"{name}_outcome", reset_less=True)
        self.pending = Signal(name=f"{name}_pending")
        operands, results = site.operands, site.results
        with m.If(site.enable[0] & site.valid[0]):
            m.d.sync += [self.walk.begin.eq(Begin.BUCKETS), self.walk.op.eq(Op.LOOKUP), self.walk.key.eq(operands.key)]
            if hasattr(operands, "mode"):
                m.d.sync += [
                    self.walk.op.eq(Mux(operands.mode == DELETE, Op.DELETE, Op.UPDATE)),
                    self.walk.mode.eq(operands.mode),
                    self.walk.value.eq(operands.value),
                ]
        with m.If(site.enable[1]):
            m.d.sync += self.pending.eq(site.valid[1])
        m.d.comb += site.stall[2].eq(self.pending)
        if hasattr(operands, "mode"):
            m.d.comb += results.error.eq(self.outcome.error)
        else:
            address = self.outcome.slot << rows.row_index_bits
            m.d.comb += [results.found.eq(self.outcome.found), results.address.eq(address)]

    def settle(self, outcome: Value) -> None:
        """The walk has ended like this (in the context of a condition)."""
        self._m.d.sync += [self.outcome.eq(outcome), self.pending.eq(0)]
