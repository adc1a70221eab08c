"""Options that say which running device a verb is about, and the way to it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from ..hdl.bump import BAUD, port_address
from ..nic_model.hardware import Hardware, on_ethernet, on_serial_line, parse_address
from ..nic_model.host import Device, connect
from .options import FILE, collected


class _Address(click.ParamType[bytes]):
    name = "address"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        if isinstance(value, bytes):
            return value
        try:
            return parse_address(str(value))
        except ValueError:
            self.fail(f"{value!r} is no Ethernet address such as {port_address(1).hex(':')}", param, ctx)


@dataclass(frozen=True)
class Reached:
    """``control``: a simulation's socket; ``uart``, ``ethernet``: the line to a device in the wire. At most one."""

    control: Path | None
    uart: Path | None
    baud: int
    ethernet: str | None
    address: bytes
    direction: int | None

    def __bool__(self) -> bool:
        """Whether there is one."""
        return any(way is not None for way in self._ways())

    def _ways(self) -> tuple[object, ...]:
        return self.control, self.uart, self.ethernet

    @contextlib.contextmanager
    def hardware(self) -> Iterator[Hardware | None]:
        """The device in the wire; None if it is a simulation."""
        if sum(way is not None for way in self._ways()) != 1:
            raise click.UsageError("say which device: --control SOCKET, --uart TTY or --ethernet INTERFACE")
        if self.control is not None:
            if self.direction is not None:
                raise click.UsageError("--direction is for devices in the wire; a simulation has one")
            yield None
        elif self.uart is not None:
            with on_serial_line(self.uart, self.baud) as found:
                yield found
        else:
            assert self.ethernet is not None
            with on_ethernet(self.ethernet, self.address) as found:
                yield found

    @contextlib.contextmanager
    def device(self, object_: Path | None = None) -> Iterator[Device]:
        """The simulated device, or one direction of that in the wire, whose types are those of ``object_``."""
        with self.hardware() as hardware:
            if hardware is not None:
                yield hardware.direction(self.direction or 0, object_)
                return
        assert self.control is not None
        with connect(self.control) as device:
            yield device

    @contextlib.contextmanager
    def devices(self) -> Iterator[tuple[dict[str, Device], Hardware | None]]:
        """All directions by their names, or those that were chosen, and what has them."""
        with self.hardware() as hardware:
            if hardware is not None:
                chosen = range(hardware.programs) if self.direction is None else (self.direction,)
                names = {port: f"from port {port}" if hardware.programs > 1 else "" for port in chosen}
                yield {name: hardware.direction(port) for port, name in names.items()}, hardware
                return
        assert self.control is not None
        with connect(self.control) as device:
            yield {"": device}, None


device_options = collected(
    "reached",
    Reached,
    click.option(
        "--control", type=FILE, metavar="SOCKET", help="A running simulation: that of hardpath sim --control."
    ),
    click.option("--uart", type=FILE, metavar="TTY", help="A device in the wire: its serial line, as /dev/ttyUSB0."),
    click.option("--baud", type=click.IntRange(1), default=BAUD, show_default=True, help="Speed of that line."),
    click.option("--ethernet", metavar="INTERFACE", help="A device in the wire: an interface that sees its port 1."),
    click.option(
        "--address", type=_Address(), metavar="ADDRESS", default=port_address(1).hex(":"), show_default=True,
        help="Where on that network it takes management frames.",
    ),
    click.option(
        "--direction", type=click.IntRange(0, 1), metavar="PORT",
        help="In the wire: the program for frames from this port; 0 faces the network, 1 the host.",
    ),
)
