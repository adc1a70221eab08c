"""How long each bit is needed: what the registers between stages hold."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...hdl.maps.unit import offsets
from ..graph.ir import Graph, Node
from ..schedule.plan import Schedule
from .hazards import Hazard
from .wires import WIRING, Wires


@dataclass(frozen=True, slots=True)
class Segment:
    """Bits [low, low + width) of a root that are last needed in stage ``last``."""

    low: int
    width: int
    last: int


class Liveness:
    """The segments of every root, in bit order; unneeded bits are left out."""

    def __init__(self, graph: Graph, schedule: Schedule, wires: Wires, hazards: list[Hazard]) -> None:
        self._wires = wires
        self._last: dict[int, NDArray[np.int32]] = {}
        for node in graph.nodes:
            stage = schedule.issue(node)
            if node.op == "site":
                predicate, *operands = node.args
                self._need(predicate, stage + offsets(node.attr.kind) - 1)
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
        self.segments = {root: _runs(last) for root, last in self._last.items()}

    def _need(self, node: Node, stage: int) -> None:
        for piece in self._wires.pieces(node):
            if piece.root is None:
                continue
            last = self._last.get(piece.root.id)
            if last is None:
                last = self._last[piece.root.id] = np.full(piece.root.width, -1, np.int32)
            part = last[piece.low : piece.low + piece.width]
            np.maximum(part, stage, out=part)


def _runs(last: NDArray[np.int32]) -> list[Segment]:
    """Maximal runs of bits with the same last stage."""
    edges = [0, *(np.flatnonzero(np.diff(last)) + 1).tolist(), len(last)]
    return [Segment(a, b - a, int(last[a])) for a, b in pairwise(edges) if last[a] >= 0]
