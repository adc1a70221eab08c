"""The whole way from a program to Verilog, one step after the other, each result kept for those who ask.

`compile_program` is what every front end calls: command line, simulation, boards.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from ..hdl import window_queue
from ..hdl.area import DEVICES, Area
from ..hdl.control import Identity
from ..hdl.datapath import Datapath
from ..hdl.frame_sizes import LONGEST_FRAME
from ..hdl.line_rate import SHORTEST_ON_WIRE
from ..hdl.maps.registry import MAP_TYPES
from ..hdl.target import Target
from .chain import chained
from .emit import Pipeline, crowded, divisions, emit, verilog
from .emit.area import datapath as datapath_area
from .graph import Graph, build
from .graph.legal import check as check_graph
from .passes import run_passes
from .roomy import roomy
from .schedule import Schedule, check, schedule
from .spec import MapSpec, ObjectSpec, ProgramSpec
from .tables import helper_tables, used_maps
from .uncollected import uncollected
from .verify import verify
from .verify.result import VerifiedProgram

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Design:
    """A compiled program. ``maps``: those that have a unit in the hardware; ``constants``: read-only ones whose
    contents became part of the logic; ``buffers``: those of which the hardware keeps nothing, because all that
    programs put in leaves as events."""

    program: ProgramSpec
    maps: Mapping[str, MapSpec]
    constants: Mapping[str, MapSpec]
    buffers: Mapping[str, MapSpec]
    target: Target
    verified: VerifiedProgram
    graph: Graph
    schedule: Schedule
    pipeline: Pipeline = field(repr=False)

    @cached_property
    def digest(self) -> bytes:
        """32 bytes that tell one build from another: program, maps and target."""
        program = self.program
        tables = [(name, spec.table) for name, spec in sorted(self.maps.items())]
        text = repr((program.instructions, sorted(self.maps.items()), self.target, tables))
        return hashlib.sha256(text.encode()).digest()

    @cached_property
    def identity(self) -> Identity:
        """What the device tells about itself on the control bus."""
        return Identity(
            program=self.program.name,
            width=self.target.width,
            window=self.graph.window,
            headroom=self.graph.headroom,
            max_frame=self.target.max_frame,
            maps=tuple(self.maps.values()),
            stalls=self.pipeline.stall_names,
            digest=self.digest,
            events=self.graph.events,
            event_queue=self.target.event_queue if self.graph.events else 0,
        )

    @cached_property
    def datapath(self) -> Datapath:
        """The device between its streams, for a top that holds it."""
        return self._datapath()

    def tagged_datapath(self, tag: int) -> Datapath:
        """The same with ``tag`` bits that go past the program with each frame."""
        return self._datapath(tag=tag)

    @cached_property
    def stamped_datapath(self) -> Datapath:
        """The same for a top that measures latencies from the wire on (`hdl.datapath`)."""
        return self._datapath(stamped=True)

    def _datapath(self, tag: int = 0, stamped: bool = False) -> Datapath:
        start = self.graph.outputs["start"]
        return Datapath(
            self.pipeline,
            identity=self.identity,
            in_flight=self.pipeline.in_flight,
            residence=_residence(self.target, self.pipeline),
            outcomes=self.outcomes,
            start=start.attr if start.op == "const" else None,
            tail_fixed=self.graph.tail_fixed,
            tag=tag,
            stamped=stamped,
        )

    @cached_property
    def verilog(self) -> str:
        """Verilog of the module ``hardpath`` with the ports of docs/architecture.md."""
        return verilog(self.datapath, "hardpath")

    @cached_property
    def area(self) -> dict[str, Area]:
        """An estimate of what the parts of the hardware take."""
        return _area(self.target, self.graph, self.pipeline)

    @property
    def frame_cycles(self) -> int:
        """Cycles from a short frame to the next one, if they do not meet, at most, while nobody holds back what leaves
        and no host asks. As long as no key has overflowed (hash maps), and without pauses for evictions (LRU maps)."""
        return max(self.pipeline.frame_cycles, self._outcome_cycles)

    @property
    def worst_cycles(self) -> int:
        """The same if they do meet."""
        return max(self.pipeline.worst_cycles, self._outcome_cycles)

    @property
    def _outcome_cycles(self) -> int:
        """Cycles that a short frame's outcome takes to be handed over."""
        return _beats(self.target, SHORTEST_ON_WIRE) + window_queue.OVERHEAD if self.outcomes else 1

    def with_interval(self, ii: int) -> Design:
        """The same stages for another initiation interval. Raises `Refused` as `compile_program` does."""
        target, plan = replace(self.target, ii=ii), replace(self.schedule, ii=min(ii, self.schedule.stages))
        pipeline = _pipeline(self.program, self.graph, plan, self.maps, target)
        return replace(self, target=target, schedule=pipeline.schedule, pipeline=pipeline)

    @property
    def known_maps(self) -> dict[str, MapSpec]:
        """All that the program uses."""
        return {**self.maps, **self.constants, **self.buffers}

    @property
    def queue(self) -> int:
        """Frames that the pipeline's output queue takes while a long frame is sent."""
        return self.pipeline.queue

    @property
    def outcomes(self) -> int:
        """Frames that wait in a `WindowQueue` meanwhile; 0 if it is the pipeline's queue that they wait in."""
        return _outcomes(self.target, self.pipeline)


def output_queue(target: Target, schedule: Schedule) -> int:
    """Frames that wait while the longest one is sent: as many as come in meanwhile at the rate that the target is made
    for: a short pipeline takes them faster, but then they have waited in front of it. One is enough for frames that
    come one at a time and leave as much time again."""
    beats, shortest = _beats(target, target.max_frame), _beats(target, SHORTEST_ON_WIRE)
    if schedule.frames == 1 and target.ii >= 2 * max(schedule.stages, shortest):
        return 1
    return max(4, -(-beats // target.ii))


def _outcomes(target: Target, pipeline: Pipeline) -> int:
    waiting = output_queue(target, pipeline.schedule)
    return 0 if pipeline.queue == waiting else waiting


def _residence(target: Target, pipeline: Pipeline) -> int:
    """Cycles from the pipeline's input to egress, while a frame of any length is being sent."""
    sending = max(4, _beats(target, target.max_frame))
    return pipeline.latency + sending + (window_queue.LATENCY if _outcomes(target, pipeline) else 0)


def _area(target: Target, graph: Graph, pipeline: Pipeline) -> dict[str, Area]:
    """An estimate of what the parts of the hardware take."""
    around = datapath_area(target, graph, pipeline.queue, _outcomes(target, pipeline), _residence(target, pipeline))
    return pipeline.area | {"datapath": around}


def _beats(target: Target, size: int) -> int:
    return -(-size // target.width)


def maps_of(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> dict[str, MapSpec]:
    """The maps that a program uses, in the object's order, with what arrays of programs can hold for it."""
    tables = program.tables
    return {n: replace(m, table=tables.get(n, m.table)) for n, m in used_maps(program, maps).items()}


def verify_program(spec: ObjectSpec, program: ProgramSpec) -> tuple[ProgramSpec, VerifiedProgram]:
    """A program of an object, linked with all that it may go on with, and its facts. Raises `VerificationError` if it
    is not safe."""
    program = chained(spec, program)
    return program, verify(program, maps_of(program, spec.maps))


@roomy
def compile_program(
    spec: ObjectSpec,
    program: ProgramSpec,
    target: Target | None = None,
    *,
    verified: VerifiedProgram | None = None,
    max_window: int = LONGEST_FRAME,
    zero_stack: bool = False,
    progress: Progress = lambda step: None,
) -> Design:
    """From a program of an object to its scheduled pipeline.

    ``verified``: what `verify_program` says of it, if it was asked already. ``max_window``: most bytes of the frame's
    front that the program may write; by default no bound, and estimates tell what a large window costs.
    ``zero_stack``: stack that was never written may be copied into maps and the frame, as zeros.
    ``progress(step)`` is called as each step begins. Raises `VerificationError` if the program is not safe and
    `Refused` if the hardware cannot keep the promise for it.
    """
    target = target or Target()
    if verified is None:
        progress("verify")
        program, verified = verify_program(spec, program)
    while True:
        with uncollected():
            progress("graph")
            graph = build(
                verified, width=target.width, max_window=max_window, max_frame=target.max_frame, zero_stack=zero_stack
            )
            progress("passes")
            graph = run_passes(graph, target)
            check_graph(graph)
            progress("schedule")
            plan = schedule(graph, target)
            check(graph, plan, target)
        roomier = _roomier(graph, plan, verified.maps)
        if roomier == verified.maps:
            break
        verified = replace(verified, maps=roomier)  # addresses have more bits then
    progress("emit")
    with uncollected():
        return _design(program, verified, graph, plan, target)


def _roomier(graph: Graph, plan: Schedule, maps: Mapping[str, MapSpec]) -> Mapping[str, MapSpec]:
    """The maps, with room for what frames insert in these stages, as far as there can be. Never with less, so this
    comes to an end."""
    needed = crowded(graph, plan, maps, MAP_TYPES)
    room = {name: MAP_TYPES[maps[name].type].room_for(maps[name], keys) for name, keys in needed.items()}
    return {name: replace(spec, room=room.get(name, spec.room)) for name, spec in maps.items()}


def _design(program: ProgramSpec, verified: VerifiedProgram, graph: Graph, plan: Schedule, target: Target) -> Design:
    """With the pipeline for a schedule."""
    used = verified.maps
    touched = {n.attr.unit for n in graph.nodes if n.op == "site"}
    constants = {n: m for n, m in used.items() if m.readonly and n not in touched}
    buffers = {n: m for n, m in used.items() if MAP_TYPES[m.type].is_buffer}
    unneeded = helper_tables(program.parts).keys() - touched  # of IPv6 in a program that knows IPv4 only, say
    maps = {n: m for n, m in used.items() if n not in unneeded and n not in constants and n not in buffers}
    pipeline = _pipeline(program, graph, plan, maps, target)
    return Design(program, maps, constants, buffers, target, verified, graph, pipeline.schedule, pipeline)


def _pipeline(
    program: ProgramSpec, graph: Graph, plan: Schedule, maps: Mapping[str, MapSpec], target: Target
) -> Pipeline:
    """Of the pipelines that the `divisions` of a frame's time make, the smallest that takes no more than the first."""

    def with_queue(plan: Schedule, queue: int) -> Pipeline:
        return emit(
            graph,
            plan,
            maps,
            width=target.width,
            max_frame=target.max_frame,
            queue=queue,
            frame_cycles=target.ii,
            line_of=_line_of(program),
        )

    def made(plan: Schedule) -> Pipeline:
        waiting = output_queue(target, plan)
        usual = with_queue(plan, waiting)
        if waiting == 1 or target.ii < _beats(target, SHORTEST_ON_WIRE) + window_queue.OVERHEAD:
            return usual
        other = with_queue(plan, 1)
        wide, narrow = total(usual), total(other)
        fits = target.block_rams is None or narrow.block_rams <= target.block_rams
        return other if fits and narrow.lut4 < wide.lut4 else usual

    def total(pipeline: Pipeline) -> Area:
        return sum(_area(target, graph, pipeline).values(), Area())

    def size(pipeline: Pipeline) -> tuple[bool, float]:
        """To compare; block memories that are there cost nothing, what is placed among other logic and routed does."""
        area, device = total(pipeline), DEVICES[0]
        if target.block_rams is None or area.block_rams > target.block_rams:
            return True, device.share(area)[0]
        return False, area.lut4 / device.lut4 + area.flip_flops / device.flip_flops

    choices = [made(each) for each in divisions(graph, plan, maps, MAP_TYPES, target.ii)]
    if len(choices) == 1:
        return choices[0]
    most = max(target.ii, choices[0].worst_cycles)
    return min((each for each in choices if each.worst_cycles <= most), key=size)


def _line_of(program: ProgramSpec) -> Callable[[int], int | None]:
    def line(slot: int) -> int | None:
        source = program.line_of(slot)
        return None if source is None else source.line

    return line
