"""The hardware of devmap_hash: a hash map behind what devmap checks before it takes a value."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import flipped

from ..area import Area
from .base import MapShape, SiteKind
from .hash_unit import HashUnit
from .linux import BPF_EXIST, BPF_NOEXIST, EINVAL
from .rows import ValueRows
from .table import Table
from .unit import HostOp, MapUnit


class DevmapHashUnit(MapUnit):
    """Sites are those of `HashUnit`; host updates of a wrong value never reach it."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table) -> None:
        super().__init__(shape, kinds)
        self._inner = HashUnit(shape, kinds, rows, table)
        self.host_hold, self.site_hold = self._inner.host_hold, self._inner.site_hold

    def logic(self) -> Area:
        return self._inner.logic()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        for outer_site, site in zip(self.sites, inner.sites, strict=True):
            wiring.connect(m, flipped(outer_site), site)
        host, answered = self.host, Signal()
        word, program = host.value[:32], host.value[32:]
        wrong = (word == 0) | (host.flags > BPF_EXIST)
        if len(program):
            wrong |= program.as_signed() > 0
        refuse = (host.op == HostOp.UPDATE) & wrong
        refused = Signal()
        with m.If(host.request):
            m.d.sync += refused.eq(refuse)
        m.d.sync += answered.eq(host.request & refuse & ~answered)
        m.d.comb += [
            self.host_request.eq(inner.host_request),
            inner.host_grant.eq(self.host_grant),
            inner.host.request.eq(host.request & ~refuse),
            inner.host.op.eq(host.op),
            inner.host.index.eq(host.index),
            inner.host.key.eq(host.key),
            inner.host.value.eq(Cat(word, Const(0, len(program)))),
            inner.host.flags.eq(host.flags & BPF_NOEXIST),  # BPF_EXIST inserts, too
            host.done.eq(inner.host.done | answered),
            host.status.eq(Mux(refused, Const(-EINVAL, 32), inner.host.status)),
            host.result_key.eq(inner.host.result_key),
            host.result_value.eq(inner.host.result_value),
        ]
        return m
