"""Several that ask on several control buses."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from .message_server import BusMaster
from .register_bus import BUS


class BusShare(wiring.Component):
    """``masters[i]`` (`BusMaster`) take turns; who holds the buses keeps them. ``buses[j]``: those of unit j
    (`hdl.register_bus.BUS`). Units that are not there read 0."""

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
            m.d.sync += owner.eq(Mux(owner == len(self.masters) - 1, 0, owner + 1))
        return m
