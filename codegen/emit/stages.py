"""The values of a scheduled graph in hardware: logic, and what carries values from stage to stage.

There is one module a stage. A value that is needed again soon moves on in registers; what waits for a stage far
behind does so in a memory, together with everything else that waits from and to the same stages. If frames are some
stages apart, a register keeps its value over all of these; only a frame that comes overwrites it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth import Cat, Const, Module, Signal, Value

from ...hdl.delay import DelayMemory
from ...hdl.operators import OPERATORS
from ...hdl.pipeline import StageControl
from ..graph.ir import Node
from ..schedule.plan import Schedule
from .hazards import Bound
from .liveness import Liveness, Segment, waits_in_memory
from .wires import WIRING, Piece, Wires

LineOf = Callable[[int], int | None]
"""From an instruction slot to its source line, if known."""

@dataclass(frozen=True, slots=True)
class _Move:
    """A value that goes from one stage to another."""

    source: Value
    target: Signal
    name: str


class Values:
    """Builds every node's hardware; ``at(node, stage)`` is its value for the frame in a stage.

    ``modules[k]`` gets what belongs to stage k; memories go into ``m``. Results of sites and values of inputs come
    from outside (`define`): an input's value is that of the frame about to enter stage 0.
    """

    def __init__(
        self,
        m: Module,
        control: StageControl,
        schedule: Schedule,
        wires: Wires,
        liveness: Liveness,
        line_of: LineOf | None = None,
    ) -> None:
        self._m = m
        self._control = control
        self._schedule = schedule
        self._wires = wires
        self._segments = liveness.segments
        self._line_of = line_of
        self.modules = [Module() for _ in range(schedule.stages)]
        self._values: dict[tuple[int, int], list[tuple[Segment, Value]]] = {}  # (root, stage)
        self._moves: dict[tuple[int, int], list[_Move]] = {}  # (from stage, to stage)
        self._numbers: dict[int, Signal] = {}

    def define(self, root: Node, value: Value) -> None:
        """Give a root's value in the stage where it appears (for an input: in front of stage 0)."""
        born = -1 if root.op == "input" else self._schedule.ready(root)
        for segment in self._segments.get(root.id, ()):
            part = value[segment.low : segment.low + segment.width]
            for hold in segment.holds(born, self._schedule.ii):
                if hold.first > hold.source:
                    name = self._name(root, segment)
                    there = Signal(segment.width, name=f"{name}_s{hold.first}", reset_less=True)
                    self._moves.setdefault((hold.source, hold.first), []).append(_Move(part, there, name))
                    part = there
                for use in hold.uses:
                    self._values.setdefault((root.id, use), []).append((segment, part))

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

    def at(self, node: Node, stage: int) -> Value:
        """The value of a node for the frame in a stage in which `Liveness` says it is needed."""
        parts = [self._piece(piece, stage) for piece in self._wires.pieces(node)]
        return parts[0] if len(parts) == 1 else Cat(*parts)

    def _piece(self, piece: Piece, stage: int) -> Value:
        if piece.root is None:
            return Const(piece.value, piece.width)
        low, high = piece.low, piece.low + piece.width
        parts = [
            value[max(low - segment.low, 0) : high - segment.low]
            for segment, value in self._values.get((piece.root.id, stage), ())
            if segment.low < high and low < segment.low + segment.width
        ]
        value = parts[0] if len(parts) == 1 else Cat(*parts)
        if len(value) != piece.width:
            raise AssertionError(f"{piece} is not there in stage {stage}")
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

    # From stage to stage.

    def finish(self) -> None:
        """Build the registers and memories, when all values are defined and used."""
        loads: list[list[Any]] = [[] for _ in self.modules]
        for (start, end), moves in sorted(self._moves.items()):
            bits = sum(len(move.target) for move in moves)
            if waits_in_memory(bits, self._schedule.frames_in(end - start)):
                self._remember(start, end, moves)
                continue
            for move in moves:
                value = move.source
                for k in range(start + 1, end, self._schedule.ii):
                    between = Signal(len(move.target), name=f"{move.name}_s{k}", reset_less=True)
                    loads[k].append(between.eq(value))
                    value = between
                loads[end].append(move.target.eq(value))
        for k, (module, load) in enumerate(zip(self.modules, loads, strict=True)):
            if load:
                with module.If(self._goes_on(k - 1)):
                    module.d.sync += load

    def _remember(self, start: int, end: int, moves: Sequence[_Move]) -> None:
        """A memory between two stages."""
        width = sum(len(move.target) for move in moves)
        delay = DelayMemory(width, self._schedule.frames_in(end - start))
        self._m.submodules[f"delay_{start + 1}_{end}"] = delay
        self._m.d.comb += [
            delay.write.eq(self._control.leaves(start)),
            delay.write_number.eq(self._number(start)),
            delay.write_data.eq(Cat(move.source for move in moves)),
            delay.read.eq(self._goes_on(end - 1)),
            delay.read_number.eq(self._number(end - 1)),
            Cat(move.target for move in moves).eq(delay.read_data),
        ]

    def _goes_on(self, stage: int) -> Value:
        """Whether what carries a frame's values from a stage to the next one has to load."""
        return self._control.moves(stage) if self._schedule.ii == 1 else self._control.leaves(stage)

    def _number(self, stage: int) -> Signal:
        """How many frames have left a stage, so the number of the one that is there (modulo what any memory
        needs)."""
        number = self._numbers.get(stage)
        if number is None:
            number = Signal(range(self._schedule.stages + 1), name=f"frame_s{stage + 1}")
            self._numbers[stage] = number
            with self._m.If(self._control.leaves(stage)):
                self._m.d.sync += number.eq(number + 1)
        return number
