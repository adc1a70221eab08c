"""A device in the wire between two ports, with a datapath for each direction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from amaranth import Cat, DomainRenamer, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .bump_control import PORTS, UNIT, BumpControl
from .bus_share import BusShare
from .datapath import Datapath
from .egress import BROADCAST, XDP_PASS, XDP_REDIRECT, XDP_TX
from .frame_switch import FrameSwitch
from .mac.beats import line_layout
from .mac.port import Port, PortShape
from .management import ManagementPort
from .messages import DEVICE_ADDRESS
from .serial_port import SerialPort

_FRACTION = 24
"""Bits behind the point of the nanoseconds a cycle."""

BAUD = 115_200
"""Of the serial line, unless said otherwise."""


def port_address(port: int, address: bytes = DEVICE_ADDRESS) -> bytes:
    """The Ethernet address of the device on a port."""
    return address[:-1] + bytes([address[-1] + port & 0xFF])


class Bump(wiring.Component):
    """Two ports; frames from port i go through ``datapaths[i]``. PASS goes on to the other port, TX back, REDIRECT to
    the port with that ifindex (port i has i + 1) or to each of several; frames for others are gone, as in Linux, and
    counted.
    ABORTED and DROP are counted by the datapath, frames that never were good by the port.

    Domains: ``sync`` with ``clock_hz``; ``tx``, 125 MHz; ``rx0`` and ``rx1``, those of the PHYs. Both datapaths have
    one width. ``shape``: of the ports; width and longest frame are those of the datapaths.

    The control buses of the datapaths (units 0 and 1) and of the ports (`bump_control`) are reached over a serial line
    (``uart_rx`` In(1), ``uart_tx`` Out(1), ``baud``) and, through the ports in ``management``, over Ethernet frames to
    `port_address` (docs/control-messages.md).

    For each port i its lines without pads: ``rx_ctl_i`` and so on (`hdl.mac.port`).
    """

    def __init__(
        self,
        datapaths: Sequence[Datapath],
        shape: PortShape,
        clock_hz: float,
        *,
        baud: int = BAUD,
        management: Collection[int] = (1,),
        address: bytes = DEVICE_ADDRESS,
    ) -> None:
        self.datapaths = tuple(datapaths)
        (self._width,) = {datapath.identity.width for datapath in datapaths}
        self._shape = shape
        self._clock_hz = clock_hz
        self._serial = SerialPort(clock_hz, baud)
        self._management = {
            i: ManagementPort(self._width, clock_hz, port_address(i, address)) for i in sorted(management)
        }
        lines = {"rx_ctl": In(1), "rx_data": In(4), "tx_clk": Out(1), "tx_ctl": Out(1), "tx_data": Out(4)}
        super().__init__({
            **{f"{name}_{i}": member for i in range(PORTS) for name, member in lines.items()},
            "uart_rx": In(1, init=1),
            "uart_tx": Out(1, init=1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        inputs = PORTS + len(self._management)
        m.submodules.switch = switch = FrameSwitch(line_layout(self._width), inputs, PORTS)
        m.submodules.control = control = BumpControl(sum(1 << i for i in self._management))
        now = Signal(64 + _FRACTION)
        m.d.sync += now.eq(now + round(1e9 * (1 << _FRACTION) / self._clock_hz))
        for i, datapath in enumerate(self.datapaths):
            port = Port(replace(self._shape, width=self._width, max_frame=datapath.identity.max_frame))
            m.submodules[f"port_{i}"] = DomainRenamer({"rx": f"rx{i}"})(port)
            m.submodules[f"datapath_{i}"] = datapath
            wiring.connect(m, switch.outputs[i], port.input)
            for name in ("rx_ctl", "rx_data"):
                m.d.comb += getattr(port, name).eq(getattr(self, f"{name}_{i}"))
            for name in ("tx_clk", "tx_ctl", "tx_data"):
                m.d.comb += getattr(self, f"{name}_{i}").eq(getattr(port, name))
            m.d.comb += getattr(control, f"counters_{i}").eq(port.counters)
            self._enter(m, i, self._received(m, i, port), datapath, now[_FRACTION:])
            unreachable = getattr(control, f"unreachable_{i}")
            m.d.sync += unreachable.eq(unreachable + self._leave(m, i, datapath, switch))
        self._share_buses(m, control)
        for k, (i, managed) in enumerate(self._management.items()):
            wiring.connect(m, managed.reply, switch.inputs[PORTS + k])
            m.d.comb += switch.ways[PORTS + k].eq(1 << i)
        return m

    def _received(self, m: Module, i: int, port: Port) -> stream.Interface:
        """The frames of a port that are for its program."""
        if i not in self._management:
            return port.output
        m.submodules[f"management_{i}"] = managed = self._management[i]
        wiring.connect(m, port.output, managed.input)
        output: stream.Interface = managed.output
        return output

    def _share_buses(self, m: Module, control: BumpControl) -> None:
        masters = [self._serial.bus, *(managed.bus for managed in self._management.values())]
        m.submodules.serial = self._serial
        m.submodules.buses = share = BusShare(len(masters), UNIT + 1)
        for master, shared in zip(masters, share.masters, strict=True):
            wiring.connect(m, master, shared)
        m.d.comb += [self._serial.rx.eq(self.uart_rx), self.uart_tx.eq(self._serial.tx)]
        for bus, datapath in zip(share.buses, self.datapaths, strict=False):
            for name in ("address", "write", "wdata", "valid"):
                m.d.comb += getattr(datapath, f"bus_{name}").eq(getattr(bus, name))
            m.d.comb += [bus.rdata.eq(datapath.bus_rdata), bus.ready.eq(datapath.bus_ready)]
        wiring.connect(m, share.buses[UNIT], control.bus)

    def _enter(self, m: Module, i: int, received: stream.Interface, datapath: Datapath, now: Any) -> None:
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

    def _leave(self, m: Module, i: int, datapath: Datapath, switch: FrameSwitch) -> Any:
        """High when a frame is gone that has nowhere to go."""
        verdict, redirect = datapath.tx_verdict, datapath.tx_redirect
        given, ways = switch.inputs[i], switch.ways[i]
        m.d.comb += [
            ways.eq(
                Cat(
                    (verdict == (XDP_TX if port == i else XDP_PASS))
                    | ((verdict == XDP_REDIRECT) & (redirect == port + 1))
                    | ((verdict == BROADCAST) & redirect[port + 1])
                    for port in range(PORTS)
                )
            ),
            given.payload.data.eq(datapath.tx_data),
            given.payload.keep.eq(datapath.tx_keep),
            given.payload.last.eq(datapath.tx_last),
            given.valid.eq(datapath.tx_valid),
            datapath.tx_ready.eq(given.ready),
        ]
        return Mux(ways.any(), 0, datapath.tx_valid & datapath.tx_last)
