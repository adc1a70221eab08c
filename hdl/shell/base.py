"""What shells have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from amaranth import Const, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from ..datapath import Datapath
from .axi_lite import AxiLite
from .pins import Pin, axi_lite, signature

STROBES = Const(0b1111, 4)


class Shell(wiring.Component):
    """A datapath with the ports ``pins`` of a shell."""

    def __init__(self, datapath: Datapath, pins: Sequence[Pin]) -> None:
        self.datapath = datapath
        self.pins = tuple(pins)
        super().__init__(signature(self.pins))

    def lane(self, prefix: str, name: str, i: int) -> Value:
        """Of the streams of ``prefix``, the i-th one's field ``name``."""
        lanes, packed = len(getattr(self, f"{prefix}_tlast")), getattr(self, f"{prefix}_{name}")
        return packed.word_select(i, len(packed) // lanes)

    def connect_in(self, m: Module, prefix: str, i: int, stream: Any, side: Mapping[str, Value]) -> None:
        """Stream i of the packed ones of ``prefix`` to a stream of `hdl.shell.nic_path.beat_layout`. ``side``: where
        further fields go."""
        beat = stream.payload
        fields = {"tdata": beat.data, "tkeep": beat.keep, "tlast": beat.last, "tvalid": stream.valid, **side}
        for name, value in fields.items():
            m.d.comb += value.eq(self.lane(prefix, name, i))
        m.d.comb += self.lane(prefix, "tready", i).eq(stream.ready)

    def connect_out(self, m: Module, prefix: str, i: int, stream: Any, side: Mapping[str, Value]) -> None:
        """The other way. ``side``: values of further fields."""
        beat = stream.payload
        fields = {"tdata": beat.data, "tkeep": beat.keep, "tlast": beat.last, "tvalid": stream.valid, **side}
        for name, value in fields.items():
            m.d.comb += self.lane(prefix, name, i).eq(value)
        m.d.comb += stream.ready.eq(self.lane(prefix, "tready", i))

    def control(self, m: Module, prefix: str) -> AxiLite:
        """An AXI4-Lite slave behind the pins of ``prefix``, to be added and connected to the bus."""
        slave = AxiLite()
        for pin in axi_lite("axil"):
            inner = getattr(slave, pin.name)
            outer = getattr(self, prefix + pin.name.removeprefix("axil"), STROBES)  # where there are none, whole words
            m.d.comb += inner.eq(outer) if pin.flow == In else outer.eq(inner)
        return slave

    def connect_bus(self, m: Module, bus: Any) -> None:
        """A master in the domain of the datapath to the datapath's control bus."""
        datapath = self.datapath
        m.d.comb += [
            datapath.bus_address.eq(bus.address),
            datapath.bus_write.eq(bus.write),
            datapath.bus_wdata.eq(bus.wdata),
            datapath.bus_valid.eq(bus.valid),
            bus.rdata.eq(datapath.bus_rdata),
            bus.ready.eq(datapath.bus_ready),
        ]
