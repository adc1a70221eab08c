"""What every schedule of a graph must keep to, as distances between nodes."""

from __future__ import annotations

from dataclasses import dataclass

from ...hdl.target import Target
from ..graph.ir import Graph, Node
from . import timing
from .asap import asap
from .bits import Origins
from .chains import too_long


@dataclass(frozen=True)
class Problem:
    """``nodes``: all but constants and wiring, in topological order. ``earliest``/``latest``: the stages that each
    may issue in. ``gaps[early, late]``: stages that ``late`` must issue behind ``early``. ``ii``: stages from a
    frame to the next."""

    graph: Graph
    origins: Origins
    stages: int
    nodes: tuple[Node, ...]
    earliest: dict[Node, int]
    latest: dict[Node, int]
    gaps: dict[tuple[Node, Node], int]
    ii: int


def problem(graph: Graph, target: Target) -> Problem:
    """The problem for the fewest stages possible."""
    early = asap(graph, target)
    origins = Origins(graph)
    nodes = tuple(n for n in graph.nodes if n.op != "const" and n.op not in timing.WIRING)
    gaps: dict[tuple[Node, Node], int] = {}

    def apart(before: Node, after: Node, stages: int) -> None:
        key = (before, after)
        gaps[key] = max(stages, gaps.get(key, stages))

    for node in nodes:
        for arg in node.args:
            for root in origins.roots(arg):
                apart(root, node, timing.latency(root))
    for order in graph.order:
        apart(order.before, order.after, order.distance)
    for before, after in too_long(graph, origins, target):
        apart(before, after, 1 + timing.latency(before))
    return Problem(
        graph,
        origins,
        early.stages,
        nodes,
        {n: early.stage[n.id] for n in nodes},
        {n: 0 if n.op == "input" else early.stages - 1 - timing.span(n) for n in nodes},
        gaps,
        min(target.ii, early.stages),
    )


def complete(graph: Graph, stage: dict[Node, int]) -> tuple[int, ...]:
    """Stages of all nodes: wiring lies where all of its bits exist."""
    issue = [0] * len(graph.nodes)
    ready = [0] * len(graph.nodes)
    for node in graph.nodes:
        issue[node.id] = stage.get(node, max((ready[arg.id] for arg in node.args), default=0))
        ready[node.id] = issue[node.id] + timing.latency(node)
    return tuple(issue)
