"""A device in the wire between two ports, with a datapath for each direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from amaranth import Cat, DomainRenamer, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .datapath import Datapath
from .egress import BROADCAST, XDP_PASS, XDP_REDIRECT, XDP_TX
from .frame_switch import FrameSwitch
from .mac.beats import line_layout
from .mac.mac import COUNTERS
from .mac.port import Port, PortShape

_FRACTION = 24
"""Bits behind the point of the nanoseconds a cycle."""


class Bump(wiring.Component):
    """Two ports; frames from port i go through ``datapaths[i]``. PASS goes on to the other port, TX back, REDIRECT to
    the port with that ifindex (port i has i + 1) or to each of several; frames for others are gone, as in Linux, and
    counted.
    ABORTED and DROP are counted by the datapath, frames that never were good by the port.

    Domains: ``sync`` with ``clock_hz``; ``tx``, 125 MHz; ``rx0`` and ``rx1``, those of the PHYs. Both datapaths have
    one width. ``shape``: of the ports; width and longest frame are those of the datapaths.

    For each port i its lines without pads (``rx_ctl_i`` and so on, `hdl.mac.port`), ``counters_i`` Out(COUNTERS) and
    ``unreachable_i`` Out(32): frames of that port that were redirected to where nothing is.
    """

    def __init__(self, datapaths: Sequence[Datapath], shape: PortShape, clock_hz: float) -> None:
        self.datapaths = tuple(datapaths)
        (self._width,) = {datapath.identity.width for datapath in datapaths}
        self._shape = shape
        self._step = round(1e9 * (1 << _FRACTION) / clock_hz)
        lines = {"rx_ctl": In(1), "rx_data": In(4), "tx_clk": Out(1), "tx_ctl": Out(1), "tx_data": Out(4)}
        each = {**lines, "counters": Out(COUNTERS), "unreachable": Out(32)}
        super().__init__({f"{name}_{i}": member for i in range(2) for name, member in each.items()})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.switch = switch = FrameSwitch(line_layout(self._width), 2, 2)
        now = Signal(64 + _FRACTION)
        m.d.sync += now.eq(now + self._step)
        for i, datapath in enumerate(self.datapaths):
            shape = replace(self._shape, width=self._width, max_frame=datapath.identity.max_frame)
            port = Port(shape)
            m.submodules[f"port_{i}"] = DomainRenamer({"rx": f"rx{i}"})(port)
            m.submodules[f"datapath_{i}"] = datapath
            wiring.connect(m, switch.outputs[i], port.input)
            for name in ("rx_ctl", "rx_data"):
                m.d.comb += getattr(port, name).eq(getattr(self, f"{name}_{i}"))
            for name in ("tx_clk", "tx_ctl", "tx_data", "counters"):
                m.d.comb += getattr(self, f"{name}_{i}").eq(getattr(port, name))
            self._enter(m, i, port, datapath, now[_FRACTION:])
            self._leave(m, i, datapath, switch)
        return m

    def _enter(self, m: Module, i: int, port: Port, datapath: Datapath, now: Any) -> None:
        received = port.output
        m.d.comb += [
            datapath.rx_data.eq(received.payload.data),
            datapath.rx_keep.eq(received.payload.keep),
            datapath.rx_last.eq(received.payload.last),
            datapath.rx_error.eq(received.payload.error),
            datapath.rx_ifindex.eq(i + 1),
            datapath.rx_time.eq(now),
            datapath.rx_valid.eq(received.valid),
            received.ready.eq(datapath.rx_ready),
        ]

    def _leave(self, m: Module, i: int, datapath: Datapath, switch: FrameSwitch) -> None:
        verdict, redirect = datapath.tx_verdict, datapath.tx_redirect
        given, ways = switch.inputs[i], switch.ways[i]
        m.d.comb += [
            ways.eq(
                Cat(
                    (verdict == (XDP_TX if port == i else XDP_PASS))
                    | ((verdict == XDP_REDIRECT) & (redirect == port + 1))
                    | ((verdict == BROADCAST) & redirect[port + 1])
                    for port in range(2)
                )
            ),
            given.payload.data.eq(datapath.tx_data),
            given.payload.keep.eq(datapath.tx_keep),
            given.payload.last.eq(datapath.tx_last),
            given.valid.eq(datapath.tx_valid),
            datapath.tx_ready.eq(given.ready),
        ]
        unreachable = getattr(self, f"unreachable_{i}")
        m.d.sync += unreachable.eq(unreachable + (datapath.tx_valid & datapath.tx_last & ~ways.any()))
