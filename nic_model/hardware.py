"""Devices that are no simulations: in the wire between two ports, behind a serial line or an Ethernet interface."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType

from ..hdl.device_control import MAGIC, PORT_COUNTERS, REGISTERS, UNIT, VERSION
from ..hdl.errors import InputError
from ..hdl.latency_bank import KINDS, TOTAL_FIELDS, TOTAL_STRIDE
from ..hdl.registers import RegisterMap
from ..sim.control_client import LatencyFigures
from ..sim.results import Verdict
from .control_socket import About
from .host import Device, fingerprint
from .links import EthernetLink, SerialLink
from .messages import Messages

VERDICTS = (*map(str, Verdict), "XDP_REDIRECT to several")
"""By their number in kinds of latencies (`hdl.device_control`)."""


@dataclass(frozen=True)
class WireLatency:
    """Of the frames with one verdict that came in at one port, in cycles: from their first byte in to their first byte
    out, or to their verdict if they do not go out. ``bins[b]``: frames with ``bin_cycles`` * b cycles or more, up to
    the next bin."""

    port: int
    verdict: str
    figures: LatencyFigures
    bin_cycles: int


class Hardware:
    """A device in the wire (`hdl.bump`); a context manager that leaves its line at the end. Raises `InputError` when
    what answers is none."""

    def __init__(self, messages: Messages) -> None:
        self._messages = messages
        self._registers = RegisterMap(REGISTERS)
        magic, version = self._read("magic", "version")
        if magic != MAGIC or version != VERSION:
            raise InputError(f"what answers says 0x{magic:08x}, version {version}: build the device anew")
        self._ports, self.programs, clock_khz = self._read("ports", "programs", "clock_khz")
        self.clock_mhz = clock_khz / 1000

    def _read(self, *names: str) -> list[int]:
        return self._messages.transfer(UNIT, [(self._registers.address(name), None) for name in names])

    def direction(self, port: int, object_: Path | None = None) -> Device:
        """The program for frames that come in at a port, or for all of them. ``object_``: what it was built from, for
        the types of its maps."""
        about = None if object_ is None else About(str(object_.absolute()), fingerprint(object_), "")
        return Device(partial(self._messages.transfer, port), about)

    def ports(self) -> list[dict[str, int]]:
        """The counters of each port (`hdl.device_control.PORT_COUNTERS`), modulo 2 ** 32."""
        return [
            dict(zip(PORT_COUNTERS, self._read(*(f"port{i}_{name}" for name in PORT_COUNTERS)), strict=True))
            for i in range(self._ports)
        ]

    def latencies(self) -> list[WireLatency]:
        """Of all kinds of frames that there were. Raises `InputError` if the device does not measure them."""
        bins, bin_cycles = self._read("latency_bins", "latency_bin_cycles")
        if not bins:
            raise InputError("the device was built without latencies from wire to wire: build it with --latency")
        found = []
        for kind in range(KINDS):
            totals = self._block("latency_total", kind * TOTAL_STRIDE, len(TOTAL_FIELDS))
            low, high, count, total_low, total_high = totals
            if count:
                figures = LatencyFigures(
                    low, high, total_low | total_high << 32, count, tuple(self._block("latency_bin", kind * bins, bins))
                )
                found.append(WireLatency(kind // 8, VERDICTS[kind % 8], figures, bin_cycles))
        return found

    def clear_latencies(self) -> None:
        """They start over; returns when they have."""
        self._messages.transfer(UNIT, [(self._registers.address("latency_clear"), 1)])
        while self._read("latency_clearing")[0]:
            pass

    def _block(self, name: str, first: int, words: int) -> list[int]:
        return self._messages.transfer(
            UNIT, [(self._registers.address(name, first + i), None) for i in range(words)]
        )

    def close(self) -> None:
        """Leave the line."""
        self._messages.close()

    def __enter__(self) -> Hardware:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def on_serial_line(path: str | Path, baud: int) -> Hardware:
    """The device at the other end of a serial line, such as /dev/ttyUSB0. Raises `InputError`."""
    return _opened(Messages(SerialLink(path, baud), str(path)))


def on_ethernet(interface: str, address: bytes) -> Hardware:
    """The device that has an Ethernet address on the network of an interface. Raises `InputError`."""
    return _opened(Messages(EthernetLink(interface, address), interface))


def _opened(messages: Messages) -> Hardware:
    try:
        return Hardware(messages)
    except BaseException:
        messages.close()
        raise


def parse_address(text: str) -> bytes:
    """Six bytes of an Ethernet address such as 02:48:50:54:48:01. ValueError."""
    parts: Sequence[str] = text.split(":")
    if len(parts) != 6 or not all(len(part) == 2 for part in parts):
        raise ValueError(text)
    return bytes(int(part, 16) for part in parts)
