"""A program in the application section of Corundum's mqnic, at its synchronous streams."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, ClockDomain, ClockSignal, Const, Module, ResetSignal
from amaranth.lib.wiring import In, Out

from ..datapath import Datapath
from .base import Shell
from .nic_path import NicPath
from .pins import Pin, axi_lite, axis


class CorundumShell(Shell):
    """``ports``: PORT_COUNT of the NIC. ``rx_user``, ``tx_user``: its AXIS_SYNC_RX_USER_WIDTH and _TX_USER_WIDTH;
    bit 0 of both says that the frame is broken, above are time stamp and tag. ``datapath``: with the tag of
    `hdl.shell.nic_path.tag_bits`, ``rx_user`` being the host's.

    Frames that the program sends have tag 0. Those of mqnic have the highest bit set, and completions without it are
    passed over.
    """

    def __init__(self, datapath: Datapath, ports: int, *, clock_hz: float, rx_user: int, tx_user: int) -> None:
        self._ports = ports
        width = datapath.identity.width
        self._nic = NicPath(
            datapath,
            ports,
            clock_hz=clock_hz,
            host_user=rx_user,
            net_user=tx_user,
            sent_user=lambda length: 0,
        )
        rx = {"tuser": (rx_user, "bit 0, with the last beat: broken; above: PTP time stamp, with the first beat")}
        tx = {"tuser": (tx_user, "bit 0, with the last beat: broken; above: transmit tag")}
        super().__init__(
            datapath,
            [
                Pin("clk", In, 1, f"clock of the streams and of the application section, {clock_hz / 1e6:g} MHz"),
                Pin("rst", In, 1, "reset, high, synchronous to `clk`"),
                *axis("s_axis_sync_rx", In, ports, width, "from the network", **rx),
                *axis("m_axis_sync_rx", Out, ports, width, "to the host", **rx),
                *axis("s_axis_sync_tx", In, ports, width, "from the host", **tx),
                *axis("m_axis_sync_tx", Out, ports, width, "to the network", **tx),
                *axi_lite("s_axil_app_ctrl"),
                Pin("unreachable", Out, 32, "frames redirected to interfaces that are no ports"),
            ],
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.clk), ResetSignal().eq(self.rst)]
        m.submodules.nic = nic = self._nic
        m.submodules.control = control = self.control(m, "s_axil_app_ctrl")
        self.connect_bus(m, control.bus)
        m.d.comb += self.unreachable.eq(nic.unreachable)
        for i in range(self._ports):
            from_net, to_host, from_host, to_net = (
                getattr(nic, f"{name}_{i}") for name in ("from_net", "to_host", "from_host", "to_net")
            )
            self.connect_in(m, "s_axis_sync_rx", i, from_net, {"tuser": from_net.payload.user})
            self.connect_in(m, "s_axis_sync_tx", i, from_host, {"tuser": from_host.payload.user})
            # What reaches the host is good: the datapath has dropped the others.
            self.connect_out(m, "m_axis_sync_rx", i, to_host, {"tuser": Cat(Const(0, 1), to_host.payload.user[1:])})
            self.connect_out(m, "m_axis_sync_tx", i, to_net, {"tuser": to_net.payload.user})
            m.d.comb += getattr(nic, f"error_{i}").eq(from_net.payload.user[0])
        return m
