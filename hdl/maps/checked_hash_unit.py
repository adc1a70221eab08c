"""The hardware of hash maps that take some values only: a hash map behind what looks at the value first."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import flipped

from ..area import Area
from .base import MapShape, SiteKind
from .hash_unit import HashUnit
from .linux import BPF_EXIST, BPF_NOEXIST, EINVAL
from .rows import ValueRows
from .slot_table import SlotTable
from .table import Table
from .table_array_unit import may_hold
from .unit import HostOp, MapUnit


class CheckedHashUnit(MapUnit):
    """Sites are those of `HashUnit`; host updates of a wrong value never reach it, they are -EINVAL."""

    def __init__(
        self,
        shape: MapShape,
        kinds: Sequence[SiteKind],
        rows: ValueRows,
        table: Table,
        first: Mapping[int, int] | None = None,
    ) -> None:
        super().__init__(shape, kinds)
        self._inner = HashUnit(shape, kinds, rows, table, first)
        self.host_hold, self.site_hold = self._inner.host_hold, self._inner.site_hold

    def logic(self) -> Area:
        return self._inner.logic()

    @abstractmethod
    def wrong(self) -> Value:
        """Whether ``host`` has what cannot be put in."""

    def kept(self) -> tuple[Value, Value]:
        """The value that is kept, and the flags with which."""
        return self.host.value, self.host.flags

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        for outer_site, site in zip(self.sites, inner.sites, strict=True):
            wiring.connect(m, flipped(outer_site), site)
        host, answered = self.host, Signal()
        refuse = (host.op == HostOp.UPDATE) & self.wrong()
        value, flags = self.kept()
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
            inner.host.value.eq(value),
            inner.host.flags.eq(flags),
            host.done.eq(inner.host.done | answered),
            host.status.eq(Mux(refused, Const(-EINVAL, 32), inner.host.status)),
            host.result_key.eq(inner.host.result_key),
            host.result_value.eq(inner.host.result_value),
        ]
        return m


class DevmapHashUnit(CheckedHashUnit):
    """devmap_hash: a value is an interface and, if there is room for it, a program, which must be none."""

    def wrong(self) -> Value:
        word, program = self.host.value[:32], self.host.value[32:]
        wrong = (word == 0) | (self.host.flags > BPF_EXIST)
        return wrong | (program.as_signed() > 0) if len(program) else wrong

    def kept(self) -> tuple[Value, Value]:
        word, program = self.host.value[:32], self.host.value[32:]
        return Cat(word, Const(0, len(program))), self.host.flags & BPF_NOEXIST  # BPF_EXIST inserts, too


class HashOfMapsUnit(CheckedHashUnit):
    """hash_of_maps: a value is the number of one of the maps that ``contents`` allows there."""

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table, contents: SlotTable
    ) -> None:
        self._contents = contents
        super().__init__(shape, kinds, rows, table, contents.first)

    def wrong(self) -> Value:
        return ~may_hold(self._contents, self.host.key, self.host.value)
