"""Several that ask on several control buses, and what they have read."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In

from .message_server import BusMaster
from .messages import WORDS
from .register_bus import BUS
from .verilog_memory import NO_COLLISIONS


class BusShare(wiring.Component):
    """``masters[i]`` (`BusMaster`) take turns; who holds the buses keeps them. ``buses[j]``: those of unit j
    (`hdl.register_bus.BUS`). Units that are not there read 0.

    One block memory has what all of them read: only one reads at a time, and fetching takes turns, too."""

    def __init__(self, masters: int, buses: int) -> None:
        super().__init__({
            **{f"master_{i}": In(BusMaster) for i in range(masters)},
            **{f"bus_{j}": In(wiring.Signature(BUS)) for j in range(buses)},
        })
        self.masters = [getattr(self, f"master_{i}") for i in range(masters)]
        self.buses = [getattr(self, f"bus_{j}") for j in range(buses)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        owner = Signal(range(len(self.masters)))
        valid = Signal()
        ready, rdata = Signal(init=1), Signal(32)
        ours = Signal(BusMaster.members["address"].shape)
        unit, write, wdata, free = Signal(7), Signal(), Signal(32), Signal()
        for i, master in enumerate(self.masters):
            m.d.comb += master.rdata.eq(rdata)
            with m.If(owner == i):
                m.d.comb += [
                    valid.eq(master.valid),
                    ours.eq(master.address),
                    unit.eq(master.unit),
                    write.eq(master.write),
                    wdata.eq(master.wdata),
                    master.ready.eq(ready),
                    free.eq(~master.valid & ~master.hold),
                ]
        m.d.comb += ready.eq(1)
        for j, bus in enumerate(self.buses):
            m.d.comb += [bus.address.eq(ours), bus.write.eq(write), bus.wdata.eq(wdata)]
            with m.If(unit == j):
                m.d.comb += [bus.valid.eq(valid), ready.eq(bus.ready), rdata.eq(bus.rdata)]
        with m.If(free):
            m.d.sync += owner.eq(self._next(owner))
        self._keep(m, owner, valid & ready & ~write, rdata)
        return m

    def _next(self, master: Signal) -> Value:
        return Mux(master == len(self.masters) - 1, 0, master + 1)

    def _keep(self, m: Module, owner: Signal, reads: Value, rdata: Value) -> None:
        # Nobody fetches what is just being read: each has a part to himself, and reads or fetches.
        m.submodules.memory = memory = Memory(
            shape=32, depth=len(self.masters) * WORDS, init=[], attrs=NO_COLLISIONS
        )
        store, fetch = memory.write_port(), memory.read_port()
        turn = Signal(range(len(self.masters)))
        fetches = Cat(master.fetches for master in self.masters)
        m.d.comb += [
            store.addr.eq(Cat(Array(master.place for master in self.masters)[owner], owner)),
            store.data.eq(rdata),
            store.en.eq(reads),
            fetch.addr.eq(Cat(Array(master.fetch for master in self.masters)[turn], turn)),
        ]
        with m.If((fetches & ~(1 << turn)).any()):
            m.d.sync += turn.eq(self._next(turn))
        for i, master in enumerate(self.masters):
            m.d.comb += master.kept.eq(fetch.data)
            m.d.sync += master.there.eq(master.fetches & (turn == i))
