"""What a scheduled program will take of an FPGA, part by part, told before there is any Verilog."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from math import ceil
from operator import add

from amaranth.hdl import Fragment, Shape
from amaranth.lib.memory import Memory

from ...hdl.area import Area, memory
from ...hdl.datapath import payload_depth
from ...hdl.delay import depth
from ...hdl.frame_sizes import MIN_FRAME
from ...hdl.frame_store import FrameStore
from ...hdl.ingress import payload_beats
from ...hdl.maps.unit import MapUnit
from ...hdl.operators import OPERATORS
from ...hdl.target import Target
from ...hdl.verilog_memory import promises_no_collisions
from ...hdl.window_queue import WindowWords
from ..graph.ir import Graph
from ..schedule.plan import Schedule
from .hazards import Hazard
from .liveness import Liveness, waits_in_memory
from .wires import WIRING


def logic(graph: Graph) -> Area:
    """The operators."""
    total = Area()
    for _, area in _operators(graph):
        total += area
    return total


def heaviest(graph: Graph) -> int | None:
    """The instruction whose operators take the most LUTs; None if none comes from an instruction."""
    luts: Counter[int] = Counter()
    for slot, area in _operators(graph):
        if slot is not None:
            luts[slot] += ceil(area.lut4)
    return max(luts, key=luts.__getitem__, default=None)


def _operators(graph: Graph) -> Iterator[tuple[int | None, Area]]:
    """The instruction that each comes from, and what it takes."""
    for node in graph.nodes:
        if node.op in OPERATORS and node.op not in WIRING:
            constants = [arg.attr if arg.op == "const" else None for arg in node.args]
            yield node.slot, OPERATORS[node.op].area(node.width, [arg.width for arg in node.args], constants)


def between_stages(graph: Graph, schedule: Schedule, liveness: Liveness) -> Area:
    """Registers and delay memories."""
    bits: Counter[tuple[int, int]] = Counter()
    for root, segments in liveness.segments.items():
        node = graph.nodes[root]
        born = -1 if node.op == "input" else schedule.ready(node)
        for segment in segments:
            for hold in segment.holds(born, schedule.ii):
                bits[hold.source, hold.first] += segment.width
    total = Area()
    for (start, end), width in bits.items():
        frames = schedule.frames_in(end - start)
        if waits_in_memory(width, frames):
            total += memory(width, depth(frames), 1)
        else:
            total += Area(flip_flops=width * frames)
    return total


def interlocks(hazards: list[Hazard]) -> Area:
    """Comparators of keys."""
    luts = sum(
        2 * hazard.tags[0].width / 3 * sum(hazard.compared) if hazard.tags else 1 for hazard in hazards
    )
    return Area(lut4=luts)


def unit(hardware: MapUnit | FrameStore) -> Area:
    """A map's unit or the frame store: its memories as they will be, and an estimate of its logic."""
    return reduce(add, (of_memory(ram) for _, ram in memories(hardware)), hardware.logic())


def memories(hardware: MapUnit | FrameStore) -> list[tuple[str, Memory]]:
    """All memories with the names that they have inside."""
    collector = _Collector()
    return list(collector.named(Fragment.get(hardware, collector)))


class _Collector:
    """Stands in for an Amaranth platform and sees every memory of what is elaborated."""

    def __init__(self) -> None:
        self._memory: dict[int, Memory] = {}
        self._alive: list[Fragment] = []

    def get_memory(self, ram: Memory) -> Fragment:
        fragment = Fragment()
        self._alive.append(fragment)
        self._memory[id(fragment)] = ram
        return fragment

    def named(self, fragment: Fragment, name: str = "") -> Iterator[tuple[str, Memory]]:
        """Those in a fragment that was elaborated here."""
        if id(fragment) in self._memory:
            yield name, self._memory[id(fragment)]
        for part, own_name, _ in fragment.subfragments:
            yield from self.named(part, own_name or name)


def of_memory(ram: Memory) -> Area:
    """A memory of a unit."""
    reads = [port for port in ram.read_ports if port.domain == "sync"]
    transparent = sum(bool(port.transparent_for) for port in reads)
    return memory(
        Shape.cast(ram.shape).width,
        ram.depth,
        len(ram.read_ports),
        len(ram.write_ports),
        parts=max((len(port.en) for port in ram.write_ports), default=1),
        transparent=transparent,
        asynchronous=len(ram.read_ports) - len(reads),
        old=0 if promises_no_collisions(ram) or not ram.write_ports else len(reads) - transparent,
    )


def datapath(target: Target, graph: Graph, queue: int, outcomes: int, residence: int) -> Area:
    """Everything around the pipeline: ingress, egress, measurement and control, measured at 64-byte beats, scaled.
    ``queue``: frames in the pipeline's output queue; ``outcomes``, ``residence``: as in `hdl.datapath.Datapath`."""
    width = target.width
    outputs = sum(node.width for node in graph.outputs.values())
    beats = payload_beats(width, graph.window, target.max_frame)
    total = Area(lut4=10 * width, flip_flops=11 * width)  # ingress
    total += Area(lut4=21 * width, flip_flops=21 * width)  # egress and its skid buffer
    total += Area(lut4=3800, flip_flops=650)  # registers and counters of the control bus
    # Two histograms of latency, which host and datapath read through ports of their own if beats are wide.
    total += Area(block_rams=4 if width < MIN_FRAME else 8)
    total += Area(flip_flops=outputs) if queue == 1 else memory(outputs, queue, 1, asynchronous=1)
    total += memory(8 * width, payload_depth(beats, residence), 1)
    if outcomes:
        words = WindowWords(width, graph.window, graph.headroom).count
        total += memory(8 * width, outcomes * words, 1)
        total += memory(outputs - 8 * (graph.window + graph.headroom), outcomes, 1, asynchronous=1)
        total += Area(lut4=8 * width * words // 2, flip_flops=8 * width)  # a word of all of them
    if graph.outputs["start"].op != "const":
        # Frames that begin elsewhere than at a beat: a shifter of bytes and a register behind it.
        total += Area(lut4=8 * width * (2 * width - 1).bit_length(), flip_flops=16 * width)
    return total
