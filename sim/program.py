"""The way from an object to simulated hardware as one reads it::

    import hardpath

    hardware = hardpath.load("prog.o").verify().compile()
    simulation = hardware.simulate(frames)

Each step gives an object that keeps its results and leads to the next. All raise what `hdl.errors` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ..codegen.chain import with_contents, with_slot
from ..codegen.chain_file import load as load_object
from ..codegen.elf import select, with_map_size, with_variables
from ..codegen.flow import Design, Progress, compile_program, maps_of, verify_program
from ..codegen.spec import ObjectSpec, ProgramSpec
from ..codegen.verify.result import VerifiedProgram
from ..hdl.area import Area
from ..hdl.errors import InputError
from ..hdl.frame_sizes import LONGEST_FRAME
from ..hdl.target import Target
from .captures import Frame
from .engine import DEFAULTS, Options, RunResult
from .fib import load_fib, merged
from .mapfile import Contents, load_maps, parse_maps
from .results import FrameResult
from .session import ENGINES, Session, engine, refuse_frozen
from .stepping import Device

MapsSource = str | Path | Mapping[str, Any]
"""Map contents: a file, or what is in such a file (`sim.mapfile`)."""


def load(
    path: str | Path,
    *,
    program: str | None = None,
    section: str | None = None,
    maps: MapsSource | None = None,
    fib: str | Path | None = None,
    map_sizes: Mapping[str, int] | None = None,
    variables: Mapping[str, int] | None = None,
    slots: Sequence[tuple[str, int, Sequence[str]]] = (),
) -> Program:
    """A program of an object file.

    ``program``, ``section``: which, if there are several. ``maps``: contents before the first frame. ``fib``: a file
    with routes, as ``hardpath fib`` writes it. ``map_sizes``: another max_entries of maps. ``variables``: other values
    of global variables. ``slots``: (array, index, names of programs, or of maps in a map of maps: the first is in the
    slot at first, the host may switch to the others).
    """
    spec = open_object(path, map_sizes=map_sizes, variables=variables, slots=slots)
    return of(spec, program, section, maps, fib)


def open_object(
    path: str | Path,
    *,
    map_sizes: Mapping[str, int] | None = None,
    variables: Mapping[str, int] | None = None,
    slots: Sequence[tuple[str, int, Sequence[str]]] = (),
) -> ObjectSpec:
    """An object file or a chain of them, with sizes, variables and slots as wanted (`load`)."""
    spec = load_object(path)
    for array, index, names in slots:
        spec = with_slot(spec, array, index, tuple(names))
    for name, entries in (map_sizes or {}).items():
        spec = with_map_size(spec, name, entries)
    return with_variables(spec, dict(variables or {}))


def of(
    spec: ObjectSpec,
    program: str | None = None,
    section: str | None = None,
    maps: MapsSource | None = None,
    fib: str | Path | None = None,
) -> Program:
    """The same of an object that is loaded already."""
    contents: Contents = {}
    if maps is not None:
        names = [p.name for p in spec.programs]
        if isinstance(maps, Mapping):
            where, contents = "maps", parse_maps(maps, spec.maps, names)
        else:
            where, contents = str(maps), load_maps(maps, spec.maps, names)
        try:
            refuse_frozen(contents, spec.maps)
            spec = with_contents(spec, contents)
        except InputError as error:
            raise InputError(f"{where}: {error}") from None
    if fib is not None:
        contents = merged(contents, load_fib(fib))
    return Program(spec, select(spec, program, section), contents)


@dataclass(frozen=True, repr=False)
class Program:
    """A program, its object and the contents of the object's maps."""

    spec: ObjectSpec
    program: ProgramSpec
    contents: Contents

    def __repr__(self) -> str:
        return f"<Program {self.name}: {self.program.section}, {len(self.program.instructions)} instructions>"

    @property
    def name(self) -> str:
        return self.program.name

    @property
    def used(self) -> Contents:
        """The contents of the maps that the program uses."""
        used = maps_of(self.program, self.spec.maps)
        return {name: entries for name, entries in self.contents.items() if name in used}

    @property
    def unused(self) -> list[str]:
        """Maps that have contents and that the program does not use."""
        return sorted(self.contents.keys() - self.used.keys())

    def verify(self) -> Verified:
        """Prove it safe. Raises `VerificationError` with category, reason, place and suggestion, or `Refused`."""
        program, verified = verify_program(self.spec, self.program)
        return Verified(replace(self, program=program), verified)


@dataclass(frozen=True, repr=False)
class Verified:
    """A program that is safe, with the facts that say so."""

    program: Program
    facts: VerifiedProgram

    def __repr__(self) -> str:
        return f"<Verified {self.program.name}>"

    def compile(
        self,
        target: Target | None = None,
        *,
        max_window: int = LONGEST_FRAME,
        zero_stack: bool = False,
        progress: Progress = lambda step: None,
    ) -> Hardware:
        """Make a pipeline of it, as `codegen.flow.compile_program` does. Raises `Refused` where that is impossible."""
        program = self.program
        design = compile_program(
            program.spec,
            program.program,
            target,
            verified=self.facts,
            max_window=max_window,
            zero_stack=zero_stack,
            progress=progress,
        )
        return Hardware(design, program.used)


@dataclass(frozen=True)
class Simulation:
    """What became of frames. ``result``: figures of the run. ``frames``: one record each, in input order. ``maps``: the
    contents afterwards."""

    result: RunResult
    frames: list[FrameResult] = field(repr=False)
    maps: Contents = field(repr=False)


@dataclass(frozen=True, repr=False)
class Hardware:
    """A compiled program. ``contents``: what its maps hold before the first frame."""

    design: Design
    contents: Contents

    def __repr__(self) -> str:
        target = self.design.target
        return f"<Hardware {self.name}: {self.stages} stages, {target.width} bytes a beat, {target.clock_mhz:g} MHz>"

    @property
    def name(self) -> str:
        return self.design.program.name

    @property
    def stages(self) -> int:
        """Pipeline stages."""
        return self.design.schedule.stages

    @property
    def verilog(self) -> str:
        """The module ``hardpath``, with the ports of docs/architecture.md."""
        return self.design.verilog

    @property
    def area(self) -> dict[str, Area]:
        """An estimate of what each part takes, before synthesis."""
        return self.design.area

    @cached_property
    def session(self) -> Session:
        """The simulator's view, also of interpreter and Linux."""
        return Session(self.design, self.contents)

    def simulate(
        self, frames: str | Path | Iterable[Frame | bytes], options: Options = DEFAULTS, *, engine: str = ENGINES[0]
    ) -> Simulation:
        """Frames, or those of a capture file, through the hardware cycle by cycle.

        For so many frames that their records fit in memory; `Session.run` takes any number. ``engine``: one of
        `sim.session.ENGINES`. ``options.frames_out`` is written as well, if it is given.
        """
        source = Path(frames) if isinstance(frames, (str, Path)) else map(_frame, frames)
        with TemporaryDirectory(prefix="hardpath-") as folder:
            kept = options.frames_out or Path(folder) / "frames.jsonl"
            result, maps = self.session.run(_engine(engine), source, replace(options, frames_out=kept))
            return Simulation(replace(result, frames_out=options.frames_out), list(result.results()), maps)

    @contextmanager
    def device(self, options: Options = DEFAULTS, *, engine: str = ENGINES[0]) -> Iterator[Device]:
        """The hardware running, with its maps filled, to be stepped by hand (`sim.stepping`)."""
        with self.session.stepping(_engine(engine), options) as device:
            yield device


def _frame(frame: Frame | bytes) -> Frame:
    if isinstance(frame, Frame):
        return frame
    if isinstance(frame, (bytes, bytearray, memoryview)):
        return Frame(bytes(frame))
    raise InputError(f"a frame is bytes or a hardpath.Frame, but {frame!r:.80} is neither")


_engine = engine  # methods have a parameter of this name
