"""``hardpath nic``: a NIC around the hardware."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from ..codegen.redirects import redirect_target
from ..hdl.errors import InputError
from ..hdl.helpers.events import Event
from ..nic_model.attached import AttachedNic, AttachedPort
from ..nic_model.control_socket import ControlServer, SocketTransport, check, stopping_signals
from ..nic_model.host import about
from ..nic_model.tap import Tap
from ..sim.captures import MAX_IFINDEX
from ..sim.engine import Options
from ..sim.event_values import event_types
from ..sim.events import document as event_document
from ..sim.program import load
from ..sim.session import Session
from . import options as shared
from .event_options import Told, event_options
from .nic_run import command as run_command
from .nic_run import counters
from .options import FILE, Build, Chosen, Given, Simulator
from .progress import Steps
from .settings import Settings, switches


class Verbs(click.Group):
    """The verbs below ``nic`` have the switches that all verbs have."""

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        command = super().get_command(context, name)
        if command is not None and not any(parameter.name == "json" for parameter in command.params):
            command.params += switches()
        return command


RUN = Path("/run/hardpath")
"""Control sockets of NICs that are up, one each, named after the first TAP device."""

control_option = click.option(
    "--control", type=FILE, metavar="SOCKET", help="The control socket; by default /run/hardpath/NAME.sock."
)


@click.group(cls=Verbs)
def command() -> None:
    """A NIC around the hardware: ports with line rates, queues, counters."""


command.add_command(run_command, "run")


@command.command()
@shared.program_options
@click.option(
    "--tap", "taps", multiple=True, required=True, metavar="NAME",
    help="TAP devices to make: the lines of the ports, ifindex 1 and so on, and last, if there are several, the host's "
    "interface. NAME=IFINDEX gives a port another ifindex.",
)
@click.option(
    "--host-program", type=FILE, metavar="OBJECT",
    help="What the host sends goes through this program: XDP_PASS and XDP_TX let it go on. Its events are left out.",
)
@control_option
@event_options
@shared.given_options
@shared.simulator_options
@shared.build_options
@click.pass_obj
def up(
    settings: Settings,
    chosen: Chosen,
    taps: tuple[str, ...],
    host_program: Path | None,
    control: Path | None,
    told: Told,
    given: Given,
    simulator: Simulator,
    build: Build,
) -> None:
    """Join the hardware to TAP devices: ping through it. Ends with Ctrl-C, or hardpath nic down."""
    lines, host_name = _lines(taps)
    path = control or _socket(lines[0][0])
    with Steps() as steps, ExitStack() as stack:
        # At once, although nobody listens to them yet: who cannot have them should not wait for the hardware.
        check(path)
        ports = [AttachedPort(ifindex, stack.enter_context(Tap(name))) for name, ifindex in lines]
        host = stack.enter_context(Tap(host_name)) if host_name is not None else None
        spec, program, contents = chosen.open(given, settings)
        types = event_types(spec, told.event_type)
        events = stack.enter_context(open(told.events_out, "w", buffering=1)) if told.events_out is not None else None

        def tell(number: int, event: Event) -> None:
            if events is not None:
                events.write(json.dumps(event_document(number, event, types)) + "\n")

        session = Session(build.compile(spec, program, steps), contents)
        target = redirect_target(session.design)
        host_session = None
        if host_program is not None:
            sender = load(host_program)
            host_session = Session(build.compile(sender.spec, sender.program, steps))
        steps("build the simulation")
        options = Options(cache=simulator.cache)
        device = stack.enter_context(session.stepping(simulator.start(), options))
        host_device = None
        if host_session is not None:
            host_device = stack.enter_context(host_session.stepping(simulator.start(), options))
        nic = AttachedNic(device, ports, host, target, host_device, tell)
        described = about(chosen.object, session.design, tuple(p.name for p in spec.programs))
        server = stack.enter_context(ControlServer(path, described))
        server.words["statistics"] = nic.statistics
        steps.done()
        where = ", ".join(f"{name} is port {ifindex}" for name, ifindex in lines)
        end = f"--control {path}" if control is not None else path.stem
        settings.note(f"{program.name} is up: {where}{f', {host_name} is the host' if host_name else ''}")
        settings.note(f"maps: hardpath map --control {path}; end: Ctrl-C or hardpath nic down {end}")
        with stopping_signals() as stopped:
            nic.serve(lambda: server.stopping or stopped.is_set(), {server.fileno(): lambda: server.answer(device.bus)})
        statistics = nic.statistics()
    settings.answer(statistics, lambda console: show_statistics(console, statistics))


@command.command()
@click.argument("name", required=False)
@control_option
@click.pass_obj
def down(settings: Settings, name: str | None, control: Path | None) -> None:
    """End what hardpath nic up has begun. NAME: its first TAP device; not needed if only one is up."""
    path = _running(name, control)
    with _connected(path) as transport:
        transport.stop()
        transport.wait()
    settings.answer({"down": path.stem}, lambda console: console.print(f"{path.stem} is down"))


@command.command("show")
@click.argument("name", required=False)
@control_option
@click.pass_obj
def show_running(settings: Settings, name: str | None, control: Path | None) -> None:
    """Counters of what hardpath nic up has begun."""
    with _connected(_running(name, control)) as transport:
        statistics = transport.ask("statistics")
    settings.answer(statistics, lambda console: show_statistics(console, statistics))


def _lines(taps: tuple[str, ...]) -> tuple[list[tuple[str, int]], str | None]:
    """Ports with their ifindex, and the host's interface."""
    lines, host = (taps[:-1], taps[-1]) if len(taps) > 1 else (taps, None)
    if host is not None and "=" in host:
        raise InputError(f"--tap {host}: the last device is the host's interface, which has no ifindex: give its name")
    ports = []
    for position, line in enumerate(lines, 1):
        name, equals, number = line.partition("=")
        if equals and not (name and number.isdecimal() and len(number) < 20):
            raise InputError(f"--tap {line}: {number!r} is no ifindex: give NAME=NUMBER")
        ifindex = int(number or position)
        if not 1 <= ifindex <= MAX_IFINDEX:
            raise InputError(f"--tap {line}: there is no ifindex {ifindex}: give one from 1 to {MAX_IFINDEX}")
        ports.append((name, ifindex))
    found = [ifindex for _, ifindex in ports]
    if twice := next((ifindex for ifindex in found if found.count(ifindex) > 1), None):
        raise InputError(f"two ports have ifindex {twice}: give every port another one")
    return ports, host


def _socket(name: str) -> Path:
    """Where the control socket of a NIC is whose first TAP device has this name."""
    RUN.mkdir(mode=0o755, parents=True, exist_ok=True)
    return RUN / f"{name}.sock"


def _running(name: str | None, control: Path | None) -> Path:
    """The control socket meant."""
    if control is not None:
        return control
    if name is not None:
        return RUN / f"{name}.sock"
    names = _names()
    if len(names) != 1:
        among = f"several are up: name one of {', '.join(names)}"
        raise InputError(among if names else "none is up: hardpath nic up begins one")
    return RUN / f"{names[0]}.sock"


def _names() -> list[str]:
    """The NICs with a socket in the usual place."""
    return sorted(path.stem for path in RUN.glob("*.sock"))


@contextmanager
def _connected(path: Path) -> Iterator[SocketTransport]:
    """A connection to a NIC. What a crashed one left behind is taken away."""
    try:
        transport = SocketTransport(path)
    except InputError:
        if not path.is_socket():
            others = f"; these are: {', '.join(names)}" if (names := _names()) else ""
            raise InputError(f"no NIC {path.stem} is up{others}") from None
        path.unlink()
        raise InputError(f"{path.stem} has ended by itself; its socket is taken away now") from None
    try:
        yield transport
    finally:
        transport.close()


def show_statistics(console: Console, statistics: dict[str, Any]) -> None:
    """Counters for people, as columns of ports."""
    console.print(counters(statistics["ports"]))
