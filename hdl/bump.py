"""A device between its ports: datapaths, MACs, what leads from one to the other, and who controls them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from amaranth import C, Cat, DomainRenamer, Module, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .bus_share import BusShare
from .clock import Nanoseconds
from .datapath import Datapath
from .device_control import MAX_PORTS, UNIT, DeviceControl
from .frame_switch import FrameSwitch
from .mac.beats import line_layout
from .mac.port import Port, PortShape
from .mac.stamps import STAMP, TIME_BITS
from .management import ManagementPort
from .messages import DEVICE_ADDRESS
from .serial_port import SerialPort
from .verdicts import XDP_PASS, sent_through

BAUD = 115_200
"""Of the serial line, unless said otherwise."""


def port_address(port: int, address: bytes = DEVICE_ADDRESS) -> bytes:
    """The Ethernet address of the device on a port."""
    return address[:-1] + bytes([address[-1] + port & 0xFF])


class Bump(wiring.Component):
    """One or two ports, and either one datapath for all or one for each. Frames of port i go through ``datapaths[i]``,
    or through the only one: then one program is on all ports, as when Linux attaches it to as many interfaces, and has
    one set of maps. It has to carry all ports together: ``width`` times clock more than the sum of their line rates,
    and a frame of 64 bytes in the time that all of them need for one.

    PASS goes on to the other port, TX back, REDIRECT to the port with that ifindex (port i has i + 1) or to each of
    several; frames for others are gone, as in Linux, and counted; with one port, that is where PASS goes.
    ABORTED and DROP are counted by the datapath, frames that never were good by the port.

    Domains: ``sync`` with ``clock_hz``; ``tx``, 125 MHz; ``rx0`` (and ``rx1``), those of the PHYs. All
    datapaths have one width. ``shape``: of the ports; width and longest frame are those of the datapaths. If these are
    stamped, latencies from wire to wire are measured.

    The control buses of the datapaths (units 0 and 1; both are the only one's) and of the ports (`device_control`) are
    reached over a serial line (``uart_rx`` In(1), ``uart_tx`` Out(1), ``baud``) and, through the ports in
    ``management`` (by default the last one), over Ethernet frames to `port_address` (docs/control-messages.md).

    For each port i its lines without pads: ``rx_ctl_i`` and so on (`hdl.mac.port`).
    """

    def __init__(
        self,
        datapaths: Sequence[Datapath],
        shape: PortShape,
        clock_hz: float,
        *,
        ports: int = MAX_PORTS,
        baud: int = BAUD,
        management: Collection[int] | None = None,
        address: bytes = DEVICE_ADDRESS,
    ) -> None:
        if not 1 <= ports <= MAX_PORTS or len(datapaths) not in (1, ports):
            raise ValueError(f"{len(datapaths)} datapaths for {ports} ports: choose one for all, or one for each")
        self.datapaths = tuple(datapaths)
        self._ports = ports
        (self._width,) = {datapath.identity.width for datapath in datapaths}
        (self._stamped,) = {datapath.stamped for datapath in datapaths}
        self._side = STAMP.size if self._stamped else 0
        self._shape = shape
        self._clock_hz = clock_hz
        self._serial = SerialPort(clock_hz, baud)
        self._management = {
            i: ManagementPort(self._width, clock_hz, port_address(i, address), self._side)
            for i in sorted((ports - 1,) if management is None else management)
        }
        lines = {"rx_ctl": In(1), "rx_data": In(4), "tx_clk": Out(1), "tx_ctl": Out(1), "tx_data": Out(4)}
        super().__init__({
            **{f"{name}_{i}": member for i in range(ports) for name, member in lines.items()},
            "uart_rx": In(1, init=1),
            "uart_tx": Out(1, init=1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count = len(self.datapaths)
        m.submodules.switch = switch = FrameSwitch(
            line_layout(self._width, self._side), count + len(self._management), self._ports
        )
        m.submodules.control = control = DeviceControl(
            count,
            self._ports,
            sum(1 << i for i in self._management),
            self._clock_hz,
            self._ports + count if self._stamped else 0,
        )
        m.submodules.time = time = Nanoseconds(self._clock_hz)
        cycles = Signal(TIME_BITS)
        m.d.sync += cycles.eq(cycles + 1)
        received = []
        for i in range(self._ports):
            max_frame = self.datapaths[i % count].identity.max_frame
            shape = replace(self._shape, width=self._width, max_frame=max_frame, stamped=self._stamped)
            port = Port(shape)
            m.submodules[f"port_{i}"] = DomainRenamer({"rx": f"rx{i}"})(port)
            wiring.connect(m, switch.outputs[i], port.input)
            for name in ("rx_ctl", "rx_data"):
                m.d.comb += getattr(port, name).eq(getattr(self, f"{name}_{i}"))
            for name in ("tx_clk", "tx_ctl", "tx_data"):
                m.d.comb += getattr(self, f"{name}_{i}").eq(getattr(port, name))
            m.d.comb += getattr(control, f"counters_{i}").eq(port.counters)
            if self._stamped:
                m.d.comb += [
                    port.now.eq(cycles),
                    getattr(control, f"sample_{i}").eq(port.departed),
                    getattr(control, f"valid_{i}").eq(port.departs),
                ]
            received.append(self._received(m, i, port))
        for i, datapath in enumerate(self.datapaths):
            m.submodules[f"datapath_{i}" if count > 1 else "datapath"] = datapath
            if count == self._ports:
                self._enter(m, received[i], i + 1, datapath, time.now)
            else:
                self._enter(m, *self._in_turns(m, received), datapath, time.now)
            source = C(i, 2) if count == self._ports else datapath.tx_source - 1
            lost = self._leave(m, source, datapath, switch, i)
            if self._stamped:
                self._time(m, cycles, datapath, control, self._ports + i)
            for k in range(self._ports) if count < self._ports else (i,):
                unreachable = getattr(control, f"unreachable_{k}")
                m.d.sync += unreachable.eq(unreachable + (lost & (source == k)))
        self._share_buses(m, control)
        for k, (i, managed) in enumerate(self._management.items()):
            wiring.connect(m, managed.reply, switch.inputs[count + k])
            m.d.comb += switch.ways[count + k].eq(1 << i)
        return m

    def _received(self, m: Module, i: int, port: Port) -> stream.Interface:
        """The frames of a port that are for its program."""
        if i not in self._management:
            return port.output
        m.submodules[f"management_{i}"] = managed = self._management[i]
        wiring.connect(m, port.output, managed.input)
        output: stream.Interface = managed.output
        return output

    def _in_turns(self, m: Module, received: Sequence[stream.Interface]) -> tuple[stream.Interface, Value]:
        """Frames of all ports, and the ifindex of the one that is there. They come from the ports whole
        (`mac.whole_frames`), so none waits for another that is still on the line."""
        layout = data.StructLayout({**line_layout(self._width, self._side).members, "port": 1})
        m.submodules.entrance = switch = FrameSwitch(layout, len(received), 1)
        for i, (given, place, ways) in enumerate(zip(received, switch.inputs, switch.ways, strict=True)):
            m.d.comb += [
                ways.eq(1),
                place.payload.eq(Cat(Value.cast(given.payload), C(i, 1))),
                place.valid.eq(given.valid),
                given.ready.eq(place.ready),
            ]
        (output,) = switch.outputs
        return output, output.payload.port + 1

    def _share_buses(self, m: Module, control: DeviceControl) -> None:
        masters = [self._serial.bus, *(managed.bus for managed in self._management.values())]
        m.submodules.serial = self._serial
        m.submodules.buses = share = BusShare(len(masters), UNIT + 1)
        for master, shared in zip(masters, share.masters, strict=True):
            wiring.connect(m, master, shared)
        m.d.comb += [self._serial.rx.eq(self.uart_rx), self.uart_tx.eq(self._serial.tx)]
        for i, datapath in enumerate(self.datapaths):
            # The only datapath is that of both directions.
            buses = share.buses[i:UNIT:len(self.datapaths)]
            for name in ("address", "write", "wdata"):
                m.d.comb += getattr(datapath, f"bus_{name}").eq(getattr(buses[0], name))
            m.d.comb += datapath.bus_valid.eq(Cat(bus.valid for bus in buses).any())
            for bus in buses:
                m.d.comb += [bus.rdata.eq(datapath.bus_rdata), bus.ready.eq(datapath.bus_ready)]
        wiring.connect(m, share.buses[UNIT], control.bus)

    def _enter(self, m: Module, received: stream.Interface, ifindex: Any, datapath: Datapath, now: Any) -> None:
        m.d.comb += [
            datapath.rx_data.eq(received.payload.data),
            datapath.rx_keep.eq(received.payload.keep),
            datapath.rx_last.eq(received.payload.last),
            datapath.rx_error.eq(received.payload.error),
            datapath.rx_ifindex.eq(ifindex),
            datapath.rx_time.eq(now),
            datapath.rx_valid.eq(received.valid),
            received.ready.eq(datapath.rx_ready),
        ]
        if self._stamped:
            m.d.comb += datapath.rx_stamp.eq(data.View(STAMP, received.payload.side).time)

    def _time(self, m: Module, cycles: Signal, datapath: Datapath, control: DeviceControl, number: int) -> None:
        """Frames that do not go out, as sample ``number``."""
        sample = getattr(control, f"sample_{number}")
        m.d.comb += [
            datapath.now.eq(cycles),
            sample.latency.eq(datapath.result_latency_first),
            sample.tag.verdict.eq(datapath.result_verdict),
            sample.tag.source.eq(datapath.result_source - 1),
            getattr(control, f"valid_{number}").eq(datapath.result_valid & (datapath.result_verdict < XDP_PASS)),
        ]

    def _leave(self, m: Module, source: Any, datapath: Datapath, switch: FrameSwitch, number: int) -> Any:
        """``source``: the port that the frame came from, ``number``: of the datapath. High when a frame is gone that
        has nowhere to go."""
        verdict, redirect = datapath.tx_verdict, datapath.tx_redirect
        given, ways = switch.inputs[number], switch.ways[number]
        m.d.comb += [
            ways.eq(
                Cat(
                    sent_through(port, source, verdict, redirect) | ((verdict == XDP_PASS) & (source == 1 - port))
                    for port in range(self._ports)
                )
            ),
            given.payload.data.eq(datapath.tx_data),
            given.payload.keep.eq(datapath.tx_keep),
            given.payload.last.eq(datapath.tx_last),
            given.valid.eq(datapath.tx_valid),
            datapath.tx_ready.eq(given.ready),
        ]
        if self._stamped:
            stamp = data.View(STAMP, given.payload.side)
            m.d.comb += [stamp.time.eq(datapath.tx_stamp), stamp.tag.verdict.eq(verdict), stamp.tag.source.eq(source)]
        return datapath.tx_valid & datapath.tx_last & datapath.tx_ready & ~ways.any()
