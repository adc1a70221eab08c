"""A program in the 250 MHz box of OpenNIC."""

from __future__ import annotations

from typing import Any

from amaranth import ClockDomain, ClockSignal, Const, DomainRenamer, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer, ResetSynchronizer
from amaranth.lib.wiring import In, Out

from ..datapath import Datapath
from .base import Shell
from .bus_crossing import BusCrossing
from .nic_path import NicPath
from .pins import Pin, axi_lite, axis

CLOCK_HZ = 250e6
WIDTH = 64
MAX_PORTS = 2
SHORTEST = 60
"""Bytes of a frame without FCS: the MAC does not pad."""

_FIRST_PORT = 6
"""Bit of the first network port in `tuser_src` and `tuser_dst`; the physical functions of PCIe are from bit 0 on."""


class OpenNicShell(Shell):
    """``ports``: NUM_CMAC_PORT and NUM_PHYS_FUNC, 1 to MAX_PORTS. ``datapath``: W = WIDTH, with the tag of
    `hdl.shell.nic_path.tag_bits`, without bits for the host.

    The control bus crosses from the clock of AXI4-Lite to that of the streams.
    """

    def __init__(self, datapath: Datapath, ports: int) -> None:
        self._ports = ports
        self._nic = NicPath(
            datapath,
            ports,
            clock_hz=CLOCK_HZ,
            host_user=0,
            net_user=16,
            sent_user=lambda length: length,
            shortest=SHORTEST,
        )
        size = "length of the frame in bytes, with every beat"
        given = {"tuser_size": (16, size), "tuser_src": (16, "not looked at"), "tuser_dst": (16, "not looked at")}
        to_host = {"tuser_size": (16, size), "tuser_src": (16, "bit 6 + p: from port p")}
        to_host |= {"tuser_dst": (16, "bit p: physical function p, that of the port")}
        to_net = {"tuser_size": (16, size), "tuser_src": (16, "bit p: of the host's function p or a program's frame")}
        to_net |= {"tuser_dst": (16, "bit 6 + p: port p")}
        streams = {
            "s_axis_adap_rx_250mhz": (In, "from the network", given),
            "m_axis_qdma_c2h": (Out, "to the host", to_host),
            "s_axis_qdma_h2c": (In, "from the host", given),
            "m_axis_adap_tx_250mhz": (Out, "to the network", to_net),
        }
        pins = [
            Pin("axis_aclk", In, 1, f"clock of the streams, {CLOCK_HZ / 1e6:g} MHz"),
            Pin("axil_aclk", In, 1, "clock of AXI4-Lite and of `mod_rstn`"),
            Pin("mod_rstn", In, 1, "reset of the box, low"),
            Pin("mod_rst_done", Out, 1, "the reset is over"),
        ]
        for name, (flow, summary, side) in streams.items():
            pins += axis(name, flow, ports, WIDTH, summary, **side)
        # The box has no byte strobes.
        pins += [pin for pin in axi_lite("s_axil") if pin.name != "s_axil_wstrb"]
        super().__init__(datapath, [*pins, Pin("unreachable", Out, 32, "frames redirected to what is no port")])

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        resets = Signal()
        m.d.comb += resets.eq(~self.mod_rstn)
        for domain, clock in (("sync", self.axis_aclk), ("axil", self.axil_aclk)):
            m.domains += ClockDomain(domain)
            m.d.comb += ClockSignal(domain).eq(clock)
            m.submodules[f"{domain}_reset"] = ResetSynchronizer(resets, domain=domain)
        running = Signal()
        m.submodules.running = FFSynchronizer(~ResetSignal("sync"), running, o_domain="axil")
        m.d.comb += self.mod_rst_done.eq(running & ~ResetSignal("axil"))
        self._connect_control(m)
        self._connect_streams(m)
        return m

    def _connect_control(self, m: Module) -> None:
        control = self.control(m, "s_axil")
        m.submodules.crossing = crossing = BusCrossing("axil", "sync")
        m.submodules.control = DomainRenamer("axil")(control)
        wiring.connect(m, control.bus, crossing.near)
        self.connect_bus(m, crossing.far)

    def _connect_streams(self, m: Module) -> None:
        nic = self._nic
        m.submodules.nic = nic
        m.d.comb += self.unreachable.eq(nic.unreachable)
        for i in range(self._ports):
            function, port = Const(1 << i, 16), Const(1 << _FIRST_PORT + i, 16)
            from_host, to_net = getattr(nic, f"from_host_{i}"), getattr(nic, f"to_net_{i}")
            length = getattr(nic, f"to_host_length_{i}")
            self.connect_in(m, "s_axis_adap_rx_250mhz", i, getattr(nic, f"from_net_{i}"), {})
            self.connect_in(m, "s_axis_qdma_h2c", i, from_host, {"tuser_size": from_host.payload.user})
            to_host = {"tuser_size": length, "tuser_src": port, "tuser_dst": function}
            self.connect_out(m, "m_axis_qdma_c2h", i, getattr(nic, f"to_host_{i}"), to_host)
            sent = {"tuser_size": to_net.payload.user, "tuser_src": function, "tuser_dst": port}
            self.connect_out(m, "m_axis_adap_tx_250mhz", i, to_net, sent)
