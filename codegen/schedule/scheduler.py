"""`schedule`: the way from a legal graph to a checked schedule."""

from __future__ import annotations

from ...hdl.target import Target
from ..graph.ir import Graph
from . import timing
from .check import check
from .optimise import optimise
from .plan import Schedule
from .problem import complete, problem
from .settle import settle

LARGEST = 150_000
"""Distances to keep above which a graph is not worth the solver's time (it takes about a minute there)."""


def schedule(graph: Graph, target: Target, largest: int = LARGEST) -> Schedule:
    """A checked schedule of the graph with the fewest stages.

    Graphs with more than ``largest`` distances to keep are scheduled by a heuristic instead of optimally.
    """
    given = problem(graph, target)
    stage = optimise(given) if len(given.gaps) <= largest else None
    plan = Schedule(given.stages, complete(graph, stage or settle(given)), _overruns(graph, target), given.ii)
    check(graph, plan, target)
    return plan


def _overruns(graph: Graph, target: Target) -> tuple[tuple[int, float], ...]:
    """Nodes that are longer than a stage on their own, with their ns."""
    limit = timing.budget(target) + timing.SLACK
    longest = ((node.id, max(timing.need(node), timing.behind(node))) for node in graph.nodes)
    return tuple((node, ns) for node, ns in longest if ns > limit)
