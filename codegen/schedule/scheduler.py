"""`schedule`: the way from a legal graph to a checked schedule."""

from __future__ import annotations

from ...hdl.target import Target
from ..graph.ir import Graph
from . import timing
from .asap import asap
from .check import check
from .optimise import optimise
from .plan import Schedule


def schedule(graph: Graph, target: Target) -> Schedule:
    """A checked schedule of the graph."""
    earliest = asap(graph, target)
    stage = optimise(graph, target, earliest.stage, earliest.stages) or earliest.stage
    plan = Schedule(earliest.stages, tuple(stage), _overruns(graph, target))
    check(graph, plan, target)
    return plan


def _overruns(graph: Graph, target: Target) -> tuple[tuple[int, float], ...]:
    """Nodes that are longer than a stage on their own, with their ns."""
    limit = timing.budget(target) + timing.SLACK
    longest = ((node.id, max(timing.before(node), timing.behind(node))) for node in graph.nodes)
    return tuple((node, ns) for node, ns in longest if ns > limit)
