"""The hardware of redirect maps with an index for a key: a memory of values that only the host writes."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value

from .base import MapShape, SiteKind
from .index_model import IndexRules
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT
from .row_memory import serve_sites
from .rows import ValueRows
from .unit import HostOp, MapUnit


class IndexUnit(MapUnit):
    """Sites are ``read`` only. A value is one row; it is there if its first 32 bits are not zero.

    The host's operations look at the entry first, so all take the same few cycles.
    """

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, rules: IndexRules) -> None:
        self._rows = rows
        self._rules = rules
        super().__init__(shape, kinds)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        host = self.host
        store, fetch = serve_sites(m, self, self._rows, [], writers=1)
        index, status = Signal(32), Signal(32)
        decide = Signal()
        m.d.comb += [
            index.eq(Mux(host.op == HostOp.ENTRY, host.index, host.key)),
            fetch.addr.eq(index),
            store.addr.eq(index),
            store.data.eq(Mux(host.op == HostOp.UPDATE, host.value[:32], 0)),
        ]
        self._status(m, status, index >= self.shape.max_entries, fetch.data[:32].any())
        changes = (host.op == HostOp.UPDATE) | (host.op == HostOp.DELETE)
        m.d.comb += store.en.eq((decide & changes & (status == 0)).replicate(self._rows.row_bytes))
        with m.FSM():
            with m.State("IDLE"), m.If(host.request):
                m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.host_request.eq(1)
                with m.If(self.host_grant):
                    m.next = "DECIDE"
            with m.State("DECIDE"):
                m.d.comb += [self.host_request.eq(1), decide.eq(1)]
                m.d.sync += [
                    host.status.eq(status),
                    host.result_key.eq(index),
                    host.result_value.eq(fetch.data),
                ]
                m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += host.done.eq(1)
                m.next = "IDLE"
        return m

    def _status(self, m: Module, status: Signal, outside: Value, there: Value) -> None:
        """What bpf(2) answers; the last condition that holds counts."""
        host, rules = self.host, self._rules
        word = host.value[:32]
        has_program = host.value[32:].as_signed() > 0 if len(host.value) > 32 else 0
        present = there if rules.by_entry else 1
        checks = {
            HostOp.LOOKUP: [(outside | ~there, ENOENT)],
            HostOp.ENTRY: [(~there, ENOENT), (outside, E2BIG)],
            HostOp.DELETE: [(outside, EINVAL)],
            HostOp.UPDATE: [
                (has_program, EINVAL),
                (word > rules.most, rules.over),
                ((host.flags == BPF_EXIST) & ~Value.cast(present)[0], ENOENT),
                ((host.flags == BPF_NOEXIST) & present, EEXIST),
                ((word == 0) if rules.zero else 0, rules.zero),
                (outside, E2BIG),
                (host.flags > BPF_EXIST, EINVAL),
            ],
        }
        with m.Switch(host.op):
            for op, conditions in checks.items():
                with m.Case(op):
                    for condition, errno in conditions:
                        with m.If(condition):
                            m.d.comb += status.eq(-errno)
