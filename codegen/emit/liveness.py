"""In which stages each bit is needed: what registers and delay memories between the stages hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from ...hdl.maps.unit import offsets
from ..graph.ir import Graph, Node
from ..schedule.plan import Schedule
from .hazards import Hazard
from .wires import WIRING, Wires

_SHORTEST_MEMORY = 4
"""Registers in a row from which on waiting in a memory is worth its addresses."""

_SMALLEST_MEMORY = 256
"""Register bits that a memory has to save."""


def waits_in_memory(bits: int, frames: int) -> bool:
    """Whether ``bits`` of so many frames at a time, until they are next needed, wait in a delay memory rather than in
    registers."""
    return frames >= _SHORTEST_MEMORY and bits * frames >= _SMALLEST_MEMORY


@dataclass(frozen=True, slots=True)
class Hold:
    """Bits of a frame in one place from stage ``first`` on, over as many stages as hold one frame. They begin their way
    there as the frame leaves stage ``source``. ``uses``: the stages of these that need them. Where bits appear,
    ``source`` is ``first``."""

    source: int
    first: int
    uses: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Segment:
    """Bits [low, low + width) of a root, needed in the stages ``uses`` (ascending) and nowhere else."""

    low: int
    width: int
    uses: tuple[int, ...]

    def holds(self, born: int, ii: int) -> Iterator[Hold]:
        """Where bits are that appear in stage ``born`` (-1: in front of the pipeline), if frames are ``ii`` stages
        apart: what holds a frame's bits need not be free for the next one until then."""
        last = 0
        for number, uses in groupby(self.uses, key=lambda use: -(-(use - born) // ii)):
            first = born + 1 + (number - 1) * ii if number else born
            yield Hold(born + last * ii, first, tuple(uses))
            last = number


class Liveness:
    """``segments[root.id]``: the needed bits of a root in bit order."""

    def __init__(self, graph: Graph, schedule: Schedule, wires: Wires, hazards: list[Hazard]) -> None:
        self._wires = wires
        self._needs: dict[int, set[tuple[int, int, int]]] = {}  # root -> (low, high, stage)
        for node in graph.nodes:
            stage = schedule.issue(node)
            if node.op == "site":
                predicate, *operands = node.args
                for k in range(stage, stage + offsets(node.attr.kind)):
                    self._need(predicate, k)
                for operand in operands:
                    self._need(operand, stage)
            elif node.op not in WIRING:
                for arg in node.args:
                    self._need(arg, stage)
        for output in graph.outputs.values():
            self._need(output, schedule.stages - 1)
        for hazard in hazards:
            for node, stage in hazard.uses():
                self._need(node, stage)
        self.segments = {root: _segments(needs) for root, needs in self._needs.items()}

    def _need(self, node: Node, stage: int) -> None:
        for piece in self._wires.pieces(node):
            if piece.root is not None:
                self._needs.setdefault(piece.root.id, set()).add((piece.low, piece.low + piece.width, stage))


def _segments(needs: set[tuple[int, int, int]]) -> list[Segment]:
    """Maximal runs of bits that are needed in the same stages."""
    edges: dict[int, list[tuple[int, int]]] = {}
    for low, high, stage in needs:
        edges.setdefault(low, []).append((stage, 1))
        edges.setdefault(high, []).append((stage, -1))
    segments: list[Segment] = []
    active: Counter[int] = Counter()
    start = 0
    uses: tuple[int, ...] = ()
    for position in sorted(edges):
        for stage, change in edges[position]:
            active[stage] += change
        now = tuple(sorted(stage for stage, count in active.items() if count))
        if now != uses:
            if uses:
                segments.append(Segment(start, position - start, uses))
            start, uses = position, now
    return segments
