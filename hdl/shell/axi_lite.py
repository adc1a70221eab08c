"""AXI4-Lite to the control bus."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from ..register_bus import BUS
from .pins import axi_lite, signature

OKAY, SLVERR = 0, 2


class AxiLite(wiring.Component):
    """A slave (``axil_*``) that carries out one transfer after the other on ``bus`` (`BUS`, from its master's side);
    reads and writes that wait take turns. Writes of parts of words are answered with SLVERR and have no effect."""

    def __init__(self) -> None:
        super().__init__({**signature(axi_lite("axil")), "bus": In(wiring.Signature(BUS))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus
        reads_next = Signal()
        wants_write = self.axil_awvalid & self.axil_wvalid
        with m.FSM():
            with m.State("idle"):
                with m.If(wants_write & ~(self.axil_arvalid & reads_next)):
                    m.d.comb += [self.axil_awready.eq(1), self.axil_wready.eq(1)]
                    m.d.sync += [
                        bus.address.eq(self.axil_awaddr[2:]),
                        bus.wdata.eq(self.axil_wdata),
                        bus.write.eq(1),
                        reads_next.eq(1),
                    ]
                    with m.If(self.axil_wstrb.all()):
                        m.d.sync += self.axil_bresp.eq(OKAY)
                        m.next = "transfer"
                    with m.Else():
                        m.d.sync += [self.axil_bresp.eq(SLVERR), self.axil_bvalid.eq(1)]
                        m.next = "answer"
                with m.Elif(self.axil_arvalid):
                    m.d.comb += self.axil_arready.eq(1)
                    m.d.sync += [bus.address.eq(self.axil_araddr[2:]), bus.write.eq(0), reads_next.eq(0)]
                    m.next = "transfer"
            with m.State("transfer"):
                m.d.comb += bus.valid.eq(1)
                with m.If(bus.ready):
                    m.d.sync += [
                        self.axil_rdata.eq(bus.rdata),
                        self.axil_bvalid.eq(bus.write),
                        self.axil_rvalid.eq(~bus.write),
                    ]
                    m.next = "answer"
            with (
                m.State("answer"),
                m.If((self.axil_bvalid & self.axil_bready) | (self.axil_rvalid & self.axil_rready)),
            ):
                m.d.sync += [self.axil_bvalid.eq(0), self.axil_rvalid.eq(0)]
                m.next = "idle"
        m.d.comb += self.axil_rresp.eq(OKAY)
        return m
