"""Options that several verbs share, each group collected into one object."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import click

from ..codegen.elf import select
from ..codegen.flow import Design, Progress, compile_program
from ..codegen.spec import ObjectSpec, ProgramSpec
from ..codegen.tables import helper_tables
from ..hdl.frame_sizes import LONGEST_FRAME, MIN_FRAME, WIDTHS
from ..hdl.line_rate import PORTS
from ..hdl.target import FASTEST_CLOCK, LARGEST_II, SLOWEST_CLOCK, Target
from ..sim import program
from ..sim.captures import Frame, fitting, read_capture
from ..sim.engine import Engine
from ..sim.mapfile import Contents
from ..sim.session import ENGINES, engine
from ..sim.traffic import mixes, traffic
from .settings import Settings

Command = Callable[..., Any]
Option = Callable[[Command], Command]

FILE = click.Path(path_type=Path)


class Number(click.FloatRange):
    """A number in a range. NaN is refused; `click.FloatRange` takes it as being in every range."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if math.isnan(number):
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def collected(parameter: str, kind: type, *options: Option) -> Option:
    """A decorator: the values of ``options``, one for each field of the dataclass ``kind``, reach the command as
    one object."""
    names = [field.name for field in fields(kind)]

    def decorate(command: Command) -> Command:
        @functools.wraps(command)
        def collect(*arguments: Any, **values: Any) -> Any:
            values[parameter] = kind(**{name: values.pop(name) for name in names})
            return command(*arguments, **values)

        call: Command = collect
        for option in reversed(options):
            call = option(call)
        return call

    return decorate


def _assignments(
    context: click.Context, option: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, int], ...]:
    """``NAME=NUMBER``, the number decimal or with 0x."""
    pairs = []
    for value in values:
        name, _, number = value.partition("=")
        try:
            pairs.append((name, int(number, 0)))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not NAME=NUMBER", context, option) from None
    return tuple(pairs)


Slots = tuple[tuple[str, int, tuple[str, ...]], ...]
"""As `sim.program.load` has them."""


def _slots(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> Slots:
    """``MAP:INDEX=NAME,...``."""
    slots = []
    for value in values:
        match = re.fullmatch(r"(.+):(\w+)=([^,]+(?:,[^,]+)*)", value)
        try:
            if match is None:
                raise ValueError
            slots.append((match[1], int(match[2], 0), tuple(match[3].split(","))))
        except ValueError:
            raise click.BadParameter(f"{value!r} is not MAP:INDEX=NAME[,NAME...]", context, option) from None
    return tuple(slots)


def _assignment_option(name: str, metavar: str, help: str) -> Option:
    return click.option(name, multiple=True, metavar=metavar, callback=_assignments, help=help)


@dataclass(frozen=True)
class Given:
    """Files with what maps hold before the first frame."""

    maps: Path | None
    fib: Path | None


given_options = collected(
    "given",
    Given,
    click.option(
        "--maps", type=FILE, metavar="FILE", help='Map contents: {"map": [{"key": HEX, "value": HEX}, ...]}.'
    ),
    click.option(
        "--fib", type=FILE, metavar="FILE", help="Routes, neighbours and interfaces, as hardpath fib writes them."
    ),
)


@dataclass(frozen=True)
class Chosen:
    """Which program, with which changes."""

    object: Path
    program: str | None
    section: str | None
    map_size: tuple[tuple[str, int], ...]
    set: tuple[tuple[str, int], ...]
    slot: Slots

    def load(self) -> ObjectSpec:
        """The object with map sizes, programs in arrays and variables as wanted."""
        return program.open_object(
            self.object, map_sizes=dict(self.map_size), variables=dict(self.set), slots=self.slot
        )

    def select(self, spec: ObjectSpec) -> ProgramSpec:
        """The program meant."""
        return select(spec, self.program, self.section)

    def open(self, given: Given, settings: Settings) -> tuple[ObjectSpec, ProgramSpec, Contents]:
        """Object and program, and the contents given for the maps that it uses; a note tells of others."""
        opened = program.of(self.load(), self.program, self.section, given.maps, given.fib)
        tables = helper_tables(opened.spec.programs).keys()
        for name in opened.unused:
            if name in opened.spec.maps.keys() - tables:
                settings.note(f"{opened.name} does not use map {name}; its contents in {given.maps} are left out")
        if given.fib is not None and not opened.used.keys() & tables:
            settings.note(f"{opened.name} does not look up routes; {given.fib} is left out")
        return opened.spec, opened.program, opened.used


map_size_option = _assignment_option("--map-size", "NAME=N", "Other max_entries of a map.")

slot_option = click.option(
    "--slot", multiple=True, metavar="MAP:INDEX=NAME[,...]", callback=_slots,
    help="What a slot of an array of programs, or of a map of maps, holds, and what the host may switch it to.",
)  # fmt: skip

program_options = collected(
    "chosen",
    Chosen,
    click.argument("object", type=FILE),
    click.option("--program", metavar="NAME", help="The program, if the object has several."),
    click.option("--section", metavar="NAME", help="The ELF section of the program."),
    map_size_option,
    _assignment_option("--set", "NAME=VALUE", "Another value of a global variable."),
    slot_option,
)


@dataclass(frozen=True)
class Build:
    """What hardware to compile for."""

    ports: str | None
    width: str | None
    clock: float | None
    ii: int | None
    max_frame: int
    max_window: int
    zero_stack: bool

    def target(self, event_queue: int = 0) -> Target:
        """``event_queue`` as `Target` has it. What is not given is as the ports need it, if these are."""
        ports = PORTS[self.ports] if self.ports is not None else None
        clock = self.clock or (ports.clock_mhz if ports else Target.clock_mhz)
        if self.width is not None:
            width = int(self.width)
        else:
            width = ports.width(clock, self.max_frame) if ports else Target.width
        ii = self.ii or (ports.ii(clock) if ports else Target.ii)
        return Target(clock_mhz=clock, width=width, max_frame=self.max_frame, event_queue=event_queue, ii=ii)

    def compile(
        self, spec: ObjectSpec, program: ProgramSpec, progress: Progress, event_queue: int = 0
    ) -> Design:
        """`compile_program` for this hardware."""
        return compile_program(
            spec,
            program,
            self.target(event_queue),
            max_window=self.max_window,
            zero_stack=self.zero_stack,
            progress=progress,
        )


def width_option(default: int | None = None) -> Option:
    """``default``: None where other options may decide."""
    return click.option(
        "--width", type=click.Choice([str(width) for width in WIDTHS]), default=default and str(default),
        show_default=str(Target.width) if default is None else True, metavar="BYTES",
        help=f"Bytes a beat of the frame streams: {', '.join(map(str, WIDTHS))}.",
    )  # fmt: skip


def ii_option(shown: str) -> Option:
    """``shown``: what it is if it is not given."""
    return click.option(
        "--ii", type=click.IntRange(1, LARGEST_II), show_default=shown, metavar="CYCLES",
        help="Cycles from one frame to the next, at least; the more, the smaller the hardware.",
    )  # fmt: skip


def max_frame_option(default: int) -> Option:
    return click.option(
        "--max-frame", type=click.IntRange(MIN_FRAME, LONGEST_FRAME), default=default, show_default=True,
        metavar="BYTES", help="Longest frame.",
    )  # fmt: skip


max_window_option = click.option(
    "--max-window", type=click.IntRange(MIN_FRAME, LONGEST_FRAME), default=LONGEST_FRAME,
    show_default="no bound", metavar="BYTES", help="Most bytes at the front of a frame that the program may write.",
)  # fmt: skip

build_options = collected(
    "build",
    Build,
    click.option(
        "--ports", type=click.Choice(list(PORTS)),
        help="Make the smallest hardware that keeps up with ports of this speed: sets --width, --clock and --ii.",
    ),
    width_option(),
    click.option(
        "--clock", type=Number(SLOWEST_CLOCK, FASTEST_CLOCK), show_default=f"{Target.clock_mhz:g}", metavar="MHZ",
        help="Clock in MHz.",
    ),
    ii_option(str(Target.ii)),
    max_frame_option(Target.max_frame),
    max_window_option,
    click.option(
        "--zero-stack", is_flag=True,
        help="Take zeros for stack that the program copies into maps or the frame without having written it.",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Source:
    """Where frames come from."""

    read: Path | None
    traffic: str | None
    count: int
    seed: int
    skip_bad: bool

    def check(self, settings: Settings, needed: bool = True) -> None:
        """Raise an error, before anything takes time, unless there is exactly one source (at most one if it is not
        ``needed``) and it is there. If nothing is in it, a note says so: all frames of none do as they should."""
        if self.read is None and self.traffic is None and not needed:
            return
        if (self.read is None) == (self.traffic is None):
            raise click.UsageError("give frames: either -r CAPTURE or --traffic NAME")
        if next(iter(self.frames()), None) is None:
            settings.note(f"{self.name}: 0 frames, so nothing is tried: give a capture with packets in it")

    @property
    def name(self) -> str:
        """What messages call it."""
        return str(self.read) if self.read is not None else f"traffic {self.traffic}"

    def frames(self) -> Iterable[Frame]:
        """All frames, unsuitable ones included."""
        if self.read is not None:
            return read_capture(self.read)
        if self.traffic is None:
            return ()
        return traffic(self.traffic, self.count, self.seed)

    def fitting(self, max_frame: int) -> tuple[list[Frame], int]:
        """Frames that the datapath takes, and how many were left out."""
        skipped: list[int] | None = [] if self.skip_bad else None
        frames = [frame for _, frame in fitting(self.frames(), self.name, max_frame, skipped)]
        return frames, len(skipped or ())


source_options = collected(
    "source",
    Source,
    click.option("-r", "--read", type=FILE, metavar="CAPTURE", help="Frames from a pcap or pcapng file."),
    click.option(
        "--traffic", metavar="NAME",
        help=f"Generated frames: {'; '.join(f'{name} ({summary})' for name, summary in mixes())}; "
        "or packets in scapy's notation.",
    ),
    click.option(
        "--count", type=click.IntRange(min=1), default=10_000, show_default=True, help="How many generated frames."
    ),
    click.option("--seed", type=click.IntRange(min=0), default=1, show_default=True, help="Other random frames."),
    click.option("--skip-bad", is_flag=True, help="Leave out frames that are too short or too long."),
)  # fmt: skip

@dataclass(frozen=True)
class Simulator:
    """How to simulate."""

    engine: str
    cache: Path | None

    def start(self) -> Engine:
        """The engine."""
        return engine(self.engine)


simulator_options = collected(
    "simulator",
    Simulator,
    click.option(
        "--engine", type=click.Choice(ENGINES), default=ENGINES[0], show_default=True,
        help="How to simulate: a compiled loop, or Python with cocotb.",
    ),
    click.option(
        "--cache", type=FILE, metavar="DIR", help="Where compiled simulations are kept; by default ~/.cache/hardpath."
    ),
)  # fmt: skip
