"""What a schedule looks like: for each stage its work, its longest chain and the registers behind it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...hdl.plural import counted
from ...hdl.target import Target
from ..graph.ir import Graph, Node
from . import timing
from .bits import Origins
from .plan import Schedule


@dataclass(frozen=True)
class StageReport:
    """``work``: logic and sites that issue here, without wiring. ``chain``: the longest way through the stage's
    logic, first node first, taking ``ns``. ``register_bits``: bits of the registers that a frame fills as it leaves."""

    number: int
    work: tuple[Node, ...]
    chain: tuple[Node, ...]
    ns: float
    register_bits: int

    @property
    def slots(self) -> list[int]:
        """Instructions that have work here, ascending."""
        return sorted({node.slot for node in self.work if node.slot is not None})


@dataclass(frozen=True)
class ScheduleReport:
    """All stages and what they add up to. ``budget_ns``: logic that a stage may hold at the target's clock."""

    stages: tuple[StageReport, ...]
    budget_ns: float
    overruns: tuple[tuple[Node, float], ...]

    @property
    def register_bits(self) -> int:
        """Bits of all registers between stages."""
        return sum(stage.register_bits for stage in self.stages)

    @property
    def critical(self) -> StageReport:
        """The stage with the longest chain."""
        return max(self.stages, key=lambda stage: stage.ns)

    def __str__(self) -> str:
        return self.text(str)

    def text(self, called: Callable[[Node], str]) -> str:
        """A line for each stage, and what they add up to. ``called``: what a user calls a node."""
        rows = [f"{'stage':>5} {'ns':>6} {'bits':>6}  work"]
        for stage in self.stages:
            ops: dict[str, int] = {}
            for node in stage.work:
                name = f"{node.attr.unit}.{node.attr.kind.name}" if node.op == "site" else node.op
                ops[name] = ops.get(name, 0) + 1
            work = " ".join(name if count == 1 else f"{count}x{name}" for name, count in sorted(ops.items()))
            rows.append(f"{stage.number:>5} {stage.ns:>6.2f} {stage.register_bits:>6}  {work}")
        rows.append(
            f"{counted(len(self.stages), 'stage')}, {self.register_bits} register bits, longest chain "
            f"{self.critical.ns:.2f} of {self.budget_ns:.2f} ns in stage {self.critical.number}"
        )
        rows += [f"too long for one stage: {called(node)} takes {ns:.2f} ns" for node, ns in self.overruns]
        return "\n".join(rows)


def report(graph: Graph, schedule: Schedule, target: Target) -> ScheduleReport:
    """The report of a schedule."""
    bits = register_bits(graph, schedule)
    arrival, previous = _arrivals(graph, schedule)
    work: list[list[Node]] = [[] for _ in range(schedule.stages)]
    last: list[Node | None] = [None] * schedule.stages
    for node in graph.nodes:
        if node.op in ("const", "input") or node.op in timing.WIRING:
            continue
        work[schedule.issue(node)].append(node)
        stage = schedule.ready(node)
        best = last[stage]
        if best is None or arrival[node] > arrival[best]:
            last[stage] = node
    stages: list[StageReport] = []
    for number in range(schedule.stages):
        chain: list[Node] = []
        link = last[number]
        ns = arrival[link] if link is not None else 0.0
        while link is not None:
            chain.insert(0, link)
            link = previous.get(link)
        stages.append(StageReport(number, tuple(work[number]), tuple(chain), ns, bits[number]))
    overruns = tuple((graph.nodes[i], ns) for i, ns in schedule.overruns)
    return ScheduleReport(tuple(stages), timing.budget(target), overruns)


def _arrivals(graph: Graph, schedule: Schedule) -> tuple[dict[Node, float], dict[Node, Node]]:
    """ns into its stage at which each value is there, and the argument that it waited for in that stage."""
    arrival: dict[Node, float] = {}
    previous: dict[Node, Node] = {}
    for node in graph.nodes:
        arrival[node] = timing.behind(node)
        if timing.latency(node):
            continue
        for arg, need in zip(node.args, timing.needs(node), strict=True):
            chained = schedule.ready(arg) == schedule.issue(node) and arg.op != "const"
            end = need + (arrival[arg] if chained else 0.0)
            if end > arrival[node]:
                arrival[node] = end
                previous.pop(node, None)
                if chained and arrival[arg] > 0:
                    previous[node] = arg
    return arrival, previous


def register_bits(graph: Graph, schedule: Schedule) -> list[int]:
    """For each stage, the bits that registers take over at its end for later ones."""
    origins = Origins(graph)
    needed: dict[Node, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}

    def need(node: Node, stage: int) -> None:
        for root, low, width in origins.spans(node):
            if root not in needed:
                needed[root] = np.full(root.width, -1)
            part = needed[root][low : low + width]
            np.maximum(part, stage, out=part)

    for node in graph.nodes:
        if node.op not in timing.WIRING:
            for position, arg in enumerate(node.args):
                need(arg, schedule.issue(node) + (timing.span(node) if position == 0 else 0))
    for output in graph.outputs.values():
        need(output, schedule.stages - 1)
    bits = np.zeros(schedule.stages, dtype=np.int64)
    for root, last in needed.items():
        # Inputs have registers in front of stage 0 already, which hold them as long.
        first = schedule.ready(root) + (schedule.ii - 1 if root.op == "input" else 0)
        for stage in range(first, int(last.max()), schedule.ii):
            bits[stage] += np.count_nonzero(last > stage)
    return bits.tolist()
