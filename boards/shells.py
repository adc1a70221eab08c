"""Compiled programs as modules for the shells of NICs that others make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ..codegen.flow import Design
from ..codegen.redirects import redirect_target
from ..hdl.errors import InputError, Refused
from ..hdl.maps.base import RedirectTarget
from ..hdl.shell import axis, opennic
from ..hdl.shell.base import Shell
from ..hdl.shell.corundum import CorundumShell
from ..hdl.shell.nic_path import tag_bits

PTP_BITS = 96
"""PTP_TS_WIDTH of Corundum: 48 bits seconds, 32 nanoseconds, 16 parts of them."""

TAG_BITS = 16
"""TX_TAG_WIDTH of Corundum."""


@dataclass(frozen=True)
class ShellKind:
    """A shell. ``widths``: bytes a beat that it has. ``clock_mhz``: its usual clock, ``fixed_clock``: it has no other.
    ``ports``: the most network ports. ``clocks``: its clock ports and their MHz, None for that of the streams.
    ``is_nic``: it has ports and hosts itself, and knows no targets but these; else its user connects the streams."""

    name: str
    title: str
    widths: tuple[int, ...]
    clock_mhz: float
    fixed_clock: bool
    ports: int
    make: Callable[[Design, int], Shell]
    clocks: Mapping[str, float | None]
    is_nic: bool = True

    @property
    def crosses(self) -> bool:
        """Whether the control bus comes from another clock than the streams."""
        return len(self.clocks) > 1

    def check(self, width: int, clock_mhz: float, ports: int) -> None:
        """Raise `InputError` for what the shell does not have, before anything takes time."""
        if width not in self.widths:
            choices = " or ".join(str(8 * each) for each in self.widths)
            raise InputError(f"{self.title} has streams of {choices} bits, not {8 * width}: choose another --width")
        if self.fixed_clock and clock_mhz != self.clock_mhz:
            raise InputError(f"{self.title} has a clock of {self.clock_mhz:g} MHz: leave --clock away")
        if ports > self.ports == 1:
            raise InputError(f"{self.title} has one stream, in which `tid` tells the port: leave --shell-ports away")
        if not 1 <= ports <= self.ports:
            raise InputError(f"{self.title} with {ports} ports: choose 1 to {self.ports} with --shell-ports")

    def build(self, design: Design, ports: int) -> Shell:
        """The program in this shell. Raises `Refused` where the shell cannot do what the program wants."""
        program = design.program.name
        if design.graph.events and not design.identity.event_queue:
            raise Refused(
                f"{program} tells the host of events, and {self.title} has no stream for them",
                "let them wait for the control bus: --event-queue 256",
            )
        target = redirect_target(design)
        if self.is_nic and target not in (None, RedirectTarget.PORT):
            raise Refused(
                f"{program} redirects to a {target.value}, and {self.title} chooses queues itself, after the program",
                "take --shell axis and steer the frames yourself by `tuser`, or redirect to interfaces only",
            )
        return self.make(design, ports)


def _axis(design: Design, ports: int) -> Shell:
    to_ports = redirect_target(design) in (None, RedirectTarget.PORT)
    datapath = design.tagged_datapath(axis.PORT_BITS)
    return axis.AxisShell(datapath, clock_hz=design.target.clock_mhz * 1e6, to_ports=to_ports)


def _corundum(design: Design, ports: int) -> Shell:
    rx_user, tx_user = PTP_BITS + 1, TAG_BITS + 1
    datapath = design.tagged_datapath(tag_bits(ports, rx_user))
    clock_hz = design.target.clock_mhz * 1e6
    return CorundumShell(datapath, ports, clock_hz=clock_hz, rx_user=rx_user, tx_user=tx_user)


def _opennic(design: Design, ports: int) -> Shell:
    return opennic.OpenNicShell(design.tagged_datapath(tag_bits(ports, 0)), ports)


SHELLS = {
    kind.name: kind
    for kind in (
        ShellKind(
            "axis", "an AXI4-Stream module", (8, 16, 32, 64), 250.0, False, 1, _axis, {"aclk": None}, is_nic=False
        ),
        ShellKind("corundum", "Corundum", (8, 16, 32, 64), 250.0, False, 8, _corundum, {"clk": None}),
        ShellKind(
            "opennic", "OpenNIC's 250 MHz box", (opennic.WIDTH,), 250.0, True, opennic.MAX_PORTS, _opennic,
            {"axis_aclk": None, "axil_aclk": 125.0},
        ),
    )
}  # fmt: skip
"""By what `--shell` calls them."""
