"""The hardware of bloom filters: a memory of bits for each hash function."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib.memory import Memory

from .base import MapShape, SiteKind
from .linux import E2BIG, EINVAL, ENOENT, EOPNOTSUPP
from .unit import HostOp, MapUnit


class BloomUnit(MapUnit):
    """Sites are ``push`` and ``peek``; both do what they do at the end of offset 0. The pipeline lets only one frame at
    a time push, so each of the memories, of ``depth`` bits, has one write port. ``places``: a value's bit in each."""

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], depth: int, places: Callable[[Value], list[Value]]
    ) -> None:
        self._depth = depth
        self._places = places
        super().__init__(shape, kinds)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        host = self.host
        push, pushed = Signal(), Signal(8 * self.shape.value_size)
        places = self._places(pushed)
        memories, stores = [], []
        for number, place in enumerate(places):
            m.submodules[f"bits_{number}"] = memory = Memory(shape=1, depth=self._depth, init=[])
            store = memory.write_port()
            m.d.comb += [store.addr.eq(place), store.data.eq(1), store.en.eq(push)]
            memories.append(memory)
            stores.append(store)

        def ask(value: Value, enable: Value | int) -> Value:
            """Whether all its bits were set; valid one cycle later."""
            bits = []
            for memory, store, place in zip(memories, stores, self._places(value), strict=True):
                fetch = memory.read_port(transparent_for=[store])
                m.d.comb += [fetch.addr.eq(place), fetch.en.eq(enable)]
                bits.append(fetch.data)
            return Cat(*bits).all()

        for kind, site in zip(self.kinds, self.sites, strict=True):
            if kind.name == "peek":
                m.d.comb += site.results.found.eq(ask(site.operands.value, site.enable[0]))
            else:
                with m.If(site.valid[0] & site.enable[0]):
                    m.d.comb += [push.eq(1), pushed.eq(site.operands.value)]

        found = ask(host.value, 1)
        status = Signal(32)
        with m.Switch(host.op):
            with m.Case(HostOp.LOOKUP):
                m.d.comb += status.eq(Mux(found, 0, -ENOENT))
            with m.Case(HostOp.UPDATE):
                m.d.comb += status.eq(Mux(host.flags == 0, 0, -EINVAL))
            with m.Case(HostOp.DELETE):
                m.d.comb += status.eq(-EOPNOTSUPP)
            with m.Case(HostOp.ENTRY):  # nothing can be listed
                m.d.comb += status.eq(-E2BIG)
        with m.If(self.host_turn(m)):
            m.d.sync += [host.status.eq(status), host.result_value.eq(host.value)]
            with m.If((host.op == HostOp.UPDATE) & (status == 0)):
                m.d.comb += [push.eq(1), pushed.eq(host.value)]
        return m
