"""The values of a scheduled graph in hardware: logic and registers, one module a stage."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value

from ...hdl.operators import OPERATORS
from ..graph.ir import Graph, Node
from ..schedule.plan import Schedule
from .hazards import Bound
from .liveness import Liveness, Segment
from .wires import WIRING, Piece, Wires

LineOf = Callable[[int], int | None]
"""From an instruction slot to its source line, if known."""


class Values:
    """Builds every node's hardware; ``at(node, stage)`` is its value for the frame in a stage.

    ``loads[k]``: when the registers of stage k load (the enable of the stage before). ``modules[k]`` gets
    what belongs to stage k. Results of sites and values of inputs come from outside (`define`): an input's
    value is that of the frame about to enter stage 0.
    """

    def __init__(
        self,
        graph: Graph,
        schedule: Schedule,
        wires: Wires,
        liveness: Liveness,
        loads: list[Value],
        line_of: LineOf | None = None,
    ) -> None:
        self._schedule = schedule
        self._wires = wires
        self._segments = liveness.segments
        self._loads = loads
        self._line_of = line_of
        self.modules = [Module() for _ in range(schedule.stages)]
        self._registers: dict[tuple[int, int], list[tuple[Segment, Value]]] = {}  # (root, stage)
        self._moves: list[list[Any]] = [[] for _ in self.modules]
        self._born: dict[int, Value] = {}

    def define(self, root: Node, value: Value) -> None:
        """Give a root's value in the stage where it appears (for an input: in front of stage 0) and register
        its live bits from there on."""
        born = -1 if root.op == "input" else self._schedule.ready(root)
        self._born[root.id] = value
        for segment in self._segments.get(root.id, ()):
            part = value[segment.low : segment.low + segment.width]
            for k in range(born + 1, segment.last + 1):
                register = Signal(segment.width, name=f"{self._name(root, segment)}_s{k}", reset_less=True)
                self._moves[k].append(register.eq(part))
                self._registers.setdefault((root.id, k), []).append((segment, register))
                part = register

    def compute(self, node: Node) -> None:
        """Build the logic of a pure operator in the stage it is scheduled for."""
        if node.op in WIRING or node.id not in self._segments:
            return
        stage = self._schedule.issue(node)
        m = self.modules[stage]
        built = OPERATORS[node.op].build(m, node.width, node.attr, [self.at(arg, stage) for arg in node.args])
        value = Signal(node.width, name=self._name(node))
        m.d.comb += value.eq(built)
        self.define(node, value)

    def finish(self) -> None:
        """Build the registers."""
        for module, load, moves in zip(self.modules, self._loads, self._moves, strict=True):
            if moves:
                with module.If(load):
                    module.d.sync += moves

    def at(self, node: Node, stage: int) -> Value:
        """The value of a node for the frame in a stage (not before it is available nor after it is needed)."""
        parts = [self._piece(piece, stage) for piece in self._wires.pieces(node)]
        return parts[0] if len(parts) == 1 else Cat(*parts)

    def _piece(self, piece: Piece, stage: int) -> Value:
        if piece.root is None:
            return Const(piece.value, piece.width)
        low, high = piece.low, piece.low + piece.width
        registers = self._registers.get((piece.root.id, stage), [])
        if piece.root.op != "input" and self._schedule.ready(piece.root) == stage:
            value = self._born[piece.root.id][low:high]
        else:
            parts = [
                register[max(low - segment.low, 0) : high - segment.low]
                for segment, register in registers
                if segment.low < high and low < segment.low + segment.width
            ]
            value = Cat(*parts)
            if len(value) != piece.width:
                raise AssertionError(f"{piece} is not alive in stage {stage}")
        return value.replicate(piece.repeat) if piece.repeat > 1 else value

    def bound(self, bound: Bound, stage: int) -> Value:
        """A `Bound` for the frame in a stage."""
        if bound.node is not None:
            value = self.at(bound.node, stage)
            return ~value if bound.op == "not" else value
        if bound.parts:
            a, b = (self.bound(part, stage) for part in bound.parts)
            return a & b if bound.op == "and" else a | b
        return Const(bound.op == "any", 1)

    def _name(self, node: Node, segment: Segment | None = None) -> str:
        """Names say where a signal comes from: the node, its source line, the bits."""
        name = f"{node.attr}" if node.op == "input" else f"n{node.id}_{node.op}"
        line = self._line_of(node.slot) if self._line_of and node.slot is not None else None
        if line is not None:
            name += f"_L{line}"
        if segment is not None and segment.width != node.width:
            name += f"_b{segment.low}"
        return name
