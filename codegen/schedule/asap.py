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
        stage, moment = 0, 0.0
        for before, distance in earliest.get(node.id, ()):
            if issue[before] + distance > stage:
                stage = issue[before] + distance
        for arg in node.args:
            if ready[arg.id] > stage:
                stage, moment = ready[arg.id], arrival[arg.id]
            elif ready[arg.id] == stage:
                moment = max(moment, arrival[arg.id])
        need = min(timing.before(node), limit)
        if moment + need > limit + timing.SLACK:
            stage, moment = stage + 1, 0.0
        issue[node.id] = stage
        ready[node.id] = stage + timing.latency(node)
        late = timing.latency(node) > 0
        arrival[node.id] = min(timing.behind(node), limit) if late else moment + need
    last = max((issue[node.id] + timing.span(node) for node in graph.nodes), default=0)
    return Asap(issue, last + 1)


def _ordered(graph: Graph) -> dict[int, list[tuple[int, int]]]:
    """Node id -> (id of the site before it, distance)."""
    before: dict[int, list[tuple[int, int]]] = {}
    for order in graph.order:
        before.setdefault(order.after.id, []).append((order.before.id, order.distance))
    return before
