"""A simulated NIC on TAP devices: real traffic through the hardware, as fast as the simulation goes."""

from __future__ import annotations

import selectors
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..hdl.helpers.events import Event
from ..hdl.maps.base import RedirectTarget
from ..sim.captures import Frame
from ..sim.ports import REST
from ..sim.results import Verdict
from ..sim.stepping import Device, Passage
from .statistics import PortStatistics
from .tap import Tap

BATCH = 32  # frames that are read from one device at a time, so that others get their turn
CALM_S = 0.05  # without frames for so long, the hardware gets some cycles for itself
RX_QUEUE = 1 << 20  # bytes; frames wait in the TAP devices, not here


@dataclass
class AttachedPort:
    """A port of the NIC: its line is a TAP device. Bits have no duration on it."""

    ifindex: int
    tap: Tap
    counts: PortStatistics = field(default_factory=PortStatistics)


class AttachedNic:
    """Ports, and the host's interface if there is one.

    What the program passes goes to the host, what it transmits goes back, what it redirects goes to the port of that
    ifindex. What the host sends goes out of the first port, through ``host_device`` if there is one: a program of its
    own, whose XDP_PASS and XDP_TX let a frame go on. ``event`` gets what the program tells the host at once, with the
    number of the frame among those from the lines; what the host's own program tells is forgotten.
    """

    def __init__(
        self,
        device: Device,
        ports: list[AttachedPort],
        host: Tap | None,
        target: RedirectTarget | None,
        host_device: Device | None = None,
        event: Callable[[int, Event], None] = lambda number, event: None,
    ) -> None:
        self._device = device
        self._ports = {port.ifindex: port for port in ports}
        self._first = ports[0]
        self._host = host
        self._target = target
        self._host_device = host_device
        self._event = event
        self._cycles: dict[Device, int] = {}
        self._restless = False
        self.verdicts: Counter[Verdict] = Counter()
        self.host_verdicts: Counter[Verdict] = Counter()
        for each in (device, host_device):
            if each is not None:
                self._cycles[each] = 0
        for port in ports:
            device.port(port.ifindex, RX_QUEUE)
        if host_device is not None:
            host_device.port(self._first.ifindex, RX_QUEUE)

    def statistics(self) -> dict[str, Any]:
        """What has been counted so far: of each port by the name of its line, verdicts of the program and of the
        host's own."""
        return {
            "ports": {
                port.tap.name: {"ifindex": port.ifindex, "statistics": port.counts.as_dict()}
                for port in self._ports.values()
            },
            "verdicts": {str(verdict): self.verdicts[verdict] for verdict in Verdict},
            "host_verdicts": {str(verdict): self.host_verdicts[verdict] for verdict in Verdict},
        }

    def serve(self, stopped: Callable[[], bool], others: dict[int, Callable[[], None]] | None = None) -> None:
        """Carry frames until ``stopped``, which is asked between frames and several times a second. ``others``: what to
        do when other files can be read, by descriptor."""
        with selectors.DefaultSelector() as selector:
            for port in self._ports.values():
                selector.register(port.tap, selectors.EVENT_READ, partial(self._receive, port))
            if self._host is not None:
                selector.register(self._host, selectors.EVENT_READ, partial(self._send_for_host, self._host))
            for descriptor, action in (others or {}).items():
                selector.register(descriptor, selectors.EVENT_READ, action)
            while not stopped():
                ready = selector.select(CALM_S)
                for key, _ in ready:
                    key.data()
                if not ready:
                    self._rest()

    # Frames from the lines

    def _receive(self, port: AttachedPort) -> None:
        frames = {}
        for data in port.tap.frames(BATCH):
            if not self._device.takes(len(data)):
                port.counts.rx_length_errors += 1
                continue
            frame = Frame(data, port.ifindex, time_ns=time.monotonic_ns())
            frames[self._device.arrive(frame, self._cycles[self._device])] = len(data)
        for passage in self._drain(self._device):
            port.counts.rx_packets += 1
            port.counts.rx_bytes += frames[passage.index]
            self.verdicts[passage.verdict] += 1
            self._deliver(port, passage)
        for number, event in self._device.events():
            self._event(number, event)

    def _drain(self, device: Device) -> list[Passage]:
        report = device.drain()
        assert not report.lost  # the queue is longer than a batch
        self._cycles[device] = report.cycle
        self._restless = True
        return report.frames

    def _deliver(self, port: AttachedPort, passage: Passage) -> None:
        counts = port.counts
        counts.add(f"rx_xdp_{passage.verdict.name.lower()}")
        match passage.verdict:
            case Verdict.PASS:
                if self._host is not None and self._host.send(passage.out):
                    counts.host_packets += 1
                    counts.host_bytes += len(passage.out)
                else:
                    counts.rx_missed_errors += 1
            case Verdict.TX:
                if not self._send(port, passage.out):
                    counts.rx_xdp_tx_full += 1
                    counts.rx_dropped += 1
            case Verdict.REDIRECT:
                for target in passage.targets:
                    other = self._ports.get(target) if self._target is RedirectTarget.PORT else None
                    if other is not None and self._send(other, passage.out):
                        other.counts.tx_xdp_xmit += 1
                    else:
                        counts.rx_xdp_redirect_errors += 1
                        counts.rx_dropped += 1

    @staticmethod
    def _send(port: AttachedPort, data: bytes) -> bool:
        if not port.tap.send(data):
            port.counts.tx_dropped += 1
            return False
        port.counts.tx_packets += 1
        port.counts.tx_bytes += len(data)
        return True

    # Frames from the host

    def _send_for_host(self, host: Tap) -> None:
        port, device = self._first, self._host_device
        for data in host.frames(BATCH):
            port.counts.tx_host_packets += 1
            if device is None:
                self._send(port, data)
            elif device.takes(len(data)):
                frame = Frame(data, port.ifindex, time_ns=time.monotonic_ns())
                device.arrive(frame, self._cycles[device])
            else:
                port.counts.tx_dropped += 1
        if device is None:
            return
        for passage in self._drain(device):
            self.host_verdicts[passage.verdict] += 1
            if passage.verdict in (Verdict.PASS, Verdict.TX):
                self._send(port, passage.out)
            else:
                port.counts.tx_dropped += 1
        device.forget_events()

    def _rest(self) -> None:
        """Some cycles without frames after the last one, in which maps tidy themselves up."""
        if self._restless:
            for device, cycle in self._cycles.items():
                self._cycles[device] = device.step(cycle + REST).cycle
            self._restless = False
