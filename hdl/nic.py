"""A device between its ports, with one datapath for all of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from amaranth import C, Cat, DomainRenamer, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from .datapath import Datapath
from .egress import BROADCAST, XDP_PASS, XDP_REDIRECT, XDP_TX
from .frame_switch import FrameSwitch
from .mac.beats import line_layout
from .mac.mac import COUNTERS
from .mac.port import Port, PortShape

_FRACTION = 24
"""Bits behind the point of the nanoseconds a cycle."""


class Nic(wiring.Component):
    """One program on one or two ports, as when Linux attaches it to as many interfaces: all have the same maps. Port i
    is ifindex i + 1. TX goes back to where the frame came from, PASS to the other port, REDIRECT to the one with that
    ifindex; what has nowhere to go (PASS, if there is one port) is gone and counted.

    The datapath has to carry all ports together: ``width`` times clock more than the sum of their line rates, and a
    frame of 64 bytes in the time that all of them need for one. Frames enter it whole (`mac.whole_frames`), so that
    none waits for another that is still coming in.

    Domains: ``sync`` with ``clock_hz``; ``tx``, 125 MHz; ``rx0`` (and ``rx1``), those of the PHYs. ``shape``: of
    the ports; width and longest frame are those of the datapath, delays may differ.

    For each port i its lines without pads (``rx_ctl_i`` and so on, `hdl.mac.port`), ``counters_i`` Out(COUNTERS) and
    ``unreachable_i`` Out(32): frames of that port that had nowhere to go.
    """

    def __init__(self, datapath: Datapath, ports: int, shape: PortShape, clock_hz: float) -> None:
        if ports not in (1, 2):
            raise ValueError(f"{ports} ports: choose 1 or 2")
        self.datapath = datapath
        self._ports = ports
        identity = datapath.identity
        self._shape = replace(shape, width=identity.width, max_frame=identity.max_frame)
        self._step = round(1e9 * (1 << _FRACTION) / clock_hz)
        lines = {"rx_ctl": In(1), "rx_data": In(4), "tx_clk": Out(1), "tx_ctl": Out(1), "tx_data": Out(4)}
        each = {**lines, "counters": Out(COUNTERS), "unreachable": Out(32)}
        super().__init__({f"{name}_{i}": member for i in range(ports) for name, member in each.items()})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.datapath = self.datapath
        entrances, exits = [], []
        for i in range(self._ports):
            m.submodules[f"port_{i}"] = port = DomainRenamer({"rx": f"rx{i}"})(Port(self._shape))
            for name in ("rx_ctl", "rx_data"):
                m.d.comb += getattr(port, name).eq(getattr(self, f"{name}_{i}"))
            for name in ("tx_clk", "tx_ctl", "tx_data", "counters"):
                m.d.comb += getattr(self, f"{name}_{i}").eq(getattr(port, name))
            entrances.append(port.output)
            exits.append(port.input)
        self._enter(m, entrances)
        self._leave(m, exits)
        return m

    def _enter(self, m: Module, entrances: list[Any]) -> None:
        datapath = self.datapath
        layout = data.StructLayout({**line_layout(self._shape.width).members, "source": 1})
        m.submodules.entrance = switch = FrameSwitch(layout, self._ports, 1)
        for i, (entrance, place, way) in enumerate(zip(entrances, switch.inputs, switch.ways, strict=True)):
            m.d.comb += [
                way.eq(1),
                place.payload.eq(Cat(Value.cast(entrance.payload), C(i, 1))),
                place.valid.eq(entrance.valid),
                entrance.ready.eq(place.ready),
            ]
        (received,) = switch.outputs
        now = Signal(64 + _FRACTION)
        m.d.sync += now.eq(now + self._step)
        m.d.comb += [
            datapath.rx_data.eq(received.payload.data),
            datapath.rx_keep.eq(received.payload.keep),
            datapath.rx_last.eq(received.payload.last),
            datapath.rx_error.eq(received.payload.error),
            datapath.rx_ifindex.eq(received.payload.source + 1),
            datapath.rx_time.eq(now[_FRACTION:]),
            datapath.rx_valid.eq(received.valid),
            received.ready.eq(datapath.rx_ready),
        ]

    def _leave(self, m: Module, exits: list[Any]) -> None:
        """``exits``: the ports' inputs."""
        datapath = self.datapath
        verdict, redirect, source = datapath.tx_verdict, datapath.tx_redirect, datapath.tx_source - 1
        m.submodules.exit = switch = FrameSwitch(line_layout(self._shape.width), 1, self._ports)
        (given,), (ways,) = switch.inputs, switch.ways
        m.d.comb += [
            ways.eq(
                Cat(
                    ((verdict == XDP_TX) & (source == port))
                    | ((verdict == XDP_PASS) & (source == 1 - port))
                    | ((verdict == XDP_REDIRECT) & (redirect == port + 1))
                    | ((verdict == BROADCAST) & redirect[port + 1])
                    for port in range(self._ports)
                )
            ),
            given.payload.data.eq(datapath.tx_data),
            given.payload.keep.eq(datapath.tx_keep),
            given.payload.last.eq(datapath.tx_last),
            given.valid.eq(datapath.tx_valid),
            datapath.tx_ready.eq(given.ready),
        ]
        for exit, output in zip(exits, switch.outputs, strict=True):
            wiring.connect(m, output, exit)
        lost = datapath.tx_valid & datapath.tx_last & ~ways.any()
        for port in range(self._ports):
            unreachable = getattr(self, f"unreachable_{port}")
            m.d.sync += unreachable.eq(unreachable + (lost & (source == port)))
