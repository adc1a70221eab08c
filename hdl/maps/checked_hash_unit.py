"""The hardware of hash maps that take some values only: a hash map behind what looks at the value first."""

from __future__ import annotations

from abc import abstractmethod

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value

from .linux import BPF_EXIST, BPF_NOEXIST, EINVAL
from .slot_table import SlotTable
from .table_array_unit import may_hold
from .unit import HostOp, MapUnit
from .wrapper_unit import WrapperUnit


class CheckedHashUnit(WrapperUnit):
    """``inner``: a hash map. Host updates of a wrong value never reach it, they are -EINVAL."""

    def __init__(self, inner: MapUnit) -> None:
        super().__init__(inner.shape, inner.kinds, inner)

    @abstractmethod
    def wrong(self) -> Value:
        """Whether ``host`` has what cannot be put in."""

    def kept(self) -> tuple[Value, Value]:
        """The value that is kept, and the flags with which."""
        return self.host.value, self.host.flags

    def wrap(self, m: Module) -> None:
        host, its = self.host, self.inner.host
        refuse = (host.op == HostOp.UPDATE) & self.wrong()
        value, flags = self.kept()
        refused, answered = Signal(), Signal()
        with m.If(host.request):
            m.d.sync += refused.eq(refuse)
        m.d.sync += answered.eq(host.request & refuse & ~answered)
        m.d.comb += [
            its.request.eq(host.request & ~refuse),
            its.value.eq(value),
            its.flags.eq(flags),
            host.done.eq(its.done | answered),
            host.status.eq(Mux(refused, Const(-EINVAL, 32), its.status)),
        ]


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

    def __init__(self, inner: MapUnit, contents: SlotTable) -> None:
        self._contents = contents
        super().__init__(inner)

    def wrong(self) -> Value:
        return ~may_hold(self._contents, self.host.key, self.host.value)
