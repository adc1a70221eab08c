"""The hardware of queues and stacks: a ring of values, from either end of which pop takes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from ..verilog_memory import NO_COLLISIONS
from .base import MapShape, SiteKind
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EINVAL, ENOENT
from .unit import HostOp, MapUnit


class QueueUnit(MapUnit):
    """Sites are ``push``, ``pop`` and ``peek``. All do what they do at the end of offset 0; because all of them touch
    the same state, the pipeline lets only one frame at a time do so. A word of the memory is a whole value; each
    ``pop`` and ``peek`` site has a read port.
    """

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], newest_first: bool) -> None:
        self._newest_first = newest_first
        super().__init__(shape, kinds)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        most = self.shape.max_entries
        m.submodules.values = memory = Memory(shape=8 * self.shape.value_size, depth=most, init=[], attrs=NO_COLLISIONS)
        store = memory.write_port()
        # The memory survives a reset, and so does what says where in it the values are.
        oldest, behind = (Signal(range(most), name=name, reset_less=True) for name in ("oldest", "behind_newest"))
        count = Signal(range(most + 1), reset_less=True)
        empty, full = count == 0, count == most
        push, pop, replace = Signal(), Signal(), Signal()
        pushed = Signal(8 * self.shape.value_size)
        advance_oldest = Signal()
        newest = Mux(behind == 0, most - 1, behind - 1)
        front = newest if self._newest_first else oldest

        accepted, popped = Signal(), Signal()
        m.d.comb += [
            accepted.eq(push & (~full | replace)),
            popped.eq(pop & ~empty),
            advance_oldest.eq(accepted & full | popped & (0 if self._newest_first else 1)),
            store.addr.eq(behind),
            store.data.eq(pushed),
            store.en.eq(accepted),
        ]
        with m.If(accepted):
            m.d.sync += behind.eq(Mux(behind == most - 1, 0, behind + 1))
        with m.Elif(popped & (1 if self._newest_first else 0)):
            m.d.sync += behind.eq(newest)
        with m.If(advance_oldest):
            m.d.sync += oldest.eq(Mux(oldest == most - 1, 0, oldest + 1))
        m.d.sync += count.eq(count + (accepted & ~full) - popped)

        for number, (kind, site) in enumerate(zip(self.kinds, self.sites, strict=True)):
            go = site.valid[0] & site.enable[0]
            if kind.name == "push":
                with m.If(go):
                    m.d.comb += [push.eq(1), replace.eq(site.operands.replace), pushed.eq(site.operands.value)]
                refused = self.carry(m, number, 0, full & ~site.operands.replace, "refused")
                m.d.comb += site.results.error.eq(Mux(refused, -E2BIG, 0))
            else:
                fetch = memory.read_port()
                m.d.comb += [fetch.addr.eq(front), fetch.en.eq(site.enable[0])]
                there = self.carry(m, number, 0, ~empty, "there")
                m.d.comb += [site.results.there.eq(there), site.results.value.eq(fetch.data)]
                if kind.name == "pop":
                    with m.If(go):
                        m.d.comb += pop.eq(1)
        self._host(m, memory.read_port(), oldest, front, count, push, pop, replace, pushed)
        return m

    def _host(
        self,
        m: Module,
        fetch: Any,
        oldest: Signal,
        front: Value,
        count: Signal,
        push: Signal,
        pop: Signal,
        replace: Signal,
        pushed: Signal,
    ) -> None:
        host, most = self.host, self.shape.max_entries
        place = Signal(range(2 * most))
        m.d.comb += [
            place.eq(oldest + host.index[: len(count)]),
            fetch.addr.eq(front),
        ]
        with m.If(host.op == HostOp.ENTRY):
            m.d.comb += fetch.addr.eq(Mux(place >= most, place - most, place))
        status = Signal(32)
        with m.Switch(host.op):
            with m.Case(HostOp.UPDATE):
                with m.If((host.flags & BPF_NOEXIST).any() | (host.flags > BPF_EXIST)):
                    m.d.comb += status.eq(-EINVAL)
                with m.Elif((count == most) & (host.flags != BPF_EXIST)):
                    m.d.comb += status.eq(-E2BIG)
            with m.Case(HostOp.LOOKUP, HostOp.DELETE), m.If(count == 0):
                m.d.comb += status.eq(-ENOENT)
            with m.Case(HostOp.ENTRY), m.If(host.index >= count):
                m.d.comb += status.eq(-E2BIG)
        with m.If(self.host_turn(m)):
            m.d.sync += [host.status.eq(status), host.result_value.eq(fetch.data)]
            with m.If(status == 0):
                m.d.comb += [
                    push.eq(host.op == HostOp.UPDATE),
                    pop.eq(host.op == HostOp.DELETE),
                    replace.eq(host.flags == BPF_EXIST),
                    pushed.eq(host.value),
                ]


