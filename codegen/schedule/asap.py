"""Every node as early as possible: the fewest stages there can be."""

from __future__ import annotations

from dataclasses import dataclass

from ...hdl.target import Target
from ..graph.ir import Graph
from . import timing


@dataclass(frozen=True)
class Asap:
    """``stage[id]``: earliest issue stage. ``stages``: how many that makes."""

    stage: list[int]
    stages: int


def asap(graph: Graph, target: Target) -> Asap:
    """Greedy list scheduling with chaining, in topological order.

    No node can be earlier than this: an earlier stage, or an earlier moment in the same stage, of an
    argument never makes its user later. Operators longer than a stage count as one whole stage.
    """
    limit = timing.budget(target)
    issue = [0] * len(graph.nodes)
    ready = [0] * len(graph.nodes)  # stage of the value
    arrival = [0.0] * len(graph.nodes)  # ns into that stage
    earliest = _ordered(graph)
    for node in graph.nodes:
        stage = max((issue[before] + distance for before, distance in earliest.get(node.id, ())), default=0)
        stage = max([stage, *(ready[arg.id] for arg in node.args)])
        needs = [min(ns, limit) for ns in timing.needs(node)]
        end = 0.0
        for arg, need in zip(node.args, needs, strict=True):
            end = max(end, need + (arrival[arg.id] if ready[arg.id] == stage else 0.0))
        if end > limit + timing.SLACK:
            stage, end = stage + 1, max(needs)
        issue[node.id] = stage
        ready[node.id] = stage + timing.latency(node)
        arrival[node.id] = min(timing.behind(node), limit) if timing.latency(node) else end
    last = max((issue[node.id] + timing.span(node) for node in graph.nodes), default=0)
    return Asap(issue, last + 1)


def _ordered(graph: Graph) -> dict[int, list[tuple[int, int]]]:
    """Node id -> (id of the site before it, distance)."""
    before: dict[int, list[tuple[int, int]]] = {}
    for order in graph.order:
        before.setdefault(order.after.id, []).append((order.before.id, order.distance))
    return before
