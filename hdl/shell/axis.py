"""A program between two AXI4-Streams."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, ClockDomain, ClockSignal, Module, Mux, ResetSignal, Signal
from amaranth.lib import data
from amaranth.lib.wiring import In, Out

from ..clock import Nanoseconds
from ..datapath import Datapath
from ..stream import Skid
from ..verdicts import XDP_PASS, XDP_REDIRECT, XDP_TX
from .base import Shell
from .pins import Pin, axi_lite, axis

PORT_BITS = 8
HOST = 255
ELSEWHERE = 254
"""Values of ``tdest`` that are no ports."""


class AxisShell(Shell):
    """``datapath``: with a tag of PORT_BITS bits. ``to_ports``: redirects are to interfaces, not to CPUs or sockets."""

    def __init__(self, datapath: Datapath, *, clock_hz: float, to_ports: bool) -> None:
        self._clock_hz = clock_hz
        self._to_ports = to_ports
        width = datapath.identity.width
        port = "number of the port that the frame came from, with every beat: the program sees ifindex `tid` + 1"
        given = {
            "tid": (PORT_BITS, port),
            "tuser": (1, "with the last beat: the frame is broken and will be dropped"),
        }
        dest = f"where the frame goes: a port, {HOST}: the host (PASS), {ELSEWHERE}: what `tuser` says"
        sent = {
            "tid": (PORT_BITS, "`tid` of the frame that came in"),
            "tdest": (PORT_BITS, dest),
            "tuser": (35, "bits 2:0: verdict, 34:3: what the program redirected to"),
        }
        super().__init__(
            datapath,
            [
                Pin("aclk", In, 1, f"clock, {clock_hz / 1e6:g} MHz"),
                Pin("aresetn", In, 1, "reset, low, synchronous to `aclk`"),
                *axis("s_axis", In, 1, width, "frames in, without FCS", **given),
                *axis("m_axis", Out, 1, width, "frames out", **sent),
                *axi_lite("s_axil"),
            ],
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        m.submodules.datapath = datapath = self.datapath
        m.submodules.control = control = self.control(m, "s_axil")
        m.submodules.time = time = Nanoseconds(self._clock_hz)
        self.connect_bus(m, control.bus)
        m.d.comb += [
            datapath.rx_data.eq(self.s_axis_tdata),
            datapath.rx_keep.eq(self.s_axis_tkeep),
            datapath.rx_last.eq(self.s_axis_tlast),
            datapath.rx_error.eq(self.s_axis_tuser),
            datapath.rx_ifindex.eq(self.s_axis_tid + 1),
            datapath.rx_time.eq(time.now),
            datapath.rx_tag.eq(self.s_axis_tid),
            datapath.rx_valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(datapath.rx_ready),
        ]
        sent = {"tdata": datapath.tx_data, "tkeep": datapath.tx_keep, "tlast": datapath.tx_last}
        sent |= {"tid": datapath.tx_tag, "tdest": self._destination(m)}
        sent |= {"tuser": Cat(datapath.tx_verdict, datapath.tx_redirect)}
        m.submodules.output = output = Skid(data.StructLayout({name: len(value) for name, value in sent.items()}))
        m.d.comb += [
            *(output.input.payload[name].eq(value) for name, value in sent.items()),
            *(getattr(self, f"m_axis_{name}").eq(output.output.payload[name]) for name in sent),
            output.input.valid.eq(datapath.tx_valid),
            datapath.tx_ready.eq(output.input.ready),
            self.m_axis_tvalid.eq(output.output.valid),
            output.output.ready.eq(self.m_axis_tready),
        ]
        return m

    def _destination(self, m: Module) -> Signal:
        verdict, target = self.datapath.tx_verdict, self.datapath.tx_redirect
        port = Mux((target > 0) & (target <= ELSEWHERE), target - 1, ELSEWHERE) if self._to_ports else ELSEWHERE
        destination = Signal(PORT_BITS)
        with m.Switch(verdict):
            with m.Case(XDP_PASS):
                m.d.comb += destination.eq(HOST)
            with m.Case(XDP_TX):
                m.d.comb += destination.eq(self.datapath.tx_tag)
            with m.Case(XDP_REDIRECT):
                m.d.comb += destination.eq(port)
            with m.Default():
                m.d.comb += destination.eq(ELSEWHERE)
        return destination
