"""Graph to smaller graph. All passes, in the order in which they run."""

from __future__ import annotations

from collections.abc import Callable

from ...hdl.target import Target
from ..graph.ir import Graph
from . import balance, divisions, exclusive, expand, muxes, narrow
from .rebuild import Pass, rebuild

SHARE = Pass("share", "constants folded, equal values shared, identities applied, unused nodes dropped", rebuild)

PASSES: tuple[Pass, ...] = (
    SHARE,
    muxes.SHARE_ARMS,
    narrow.PASS,
    divisions.PASS,
    narrow.PASS,
    exclusive.PASS,
    muxes.SHARE_ARMS,
    muxes.FLATTEN_CHAINS,
    balance.PASS,
    muxes.SHARE_ARMS,
    balance.PASS,
    narrow.PASS,
    SHARE,
)
"""What runs whatever the target is; `run_passes` ends with `expand` and a last `SHARE`."""


def passes_for(target: Target) -> tuple[Pass, ...]:
    """`PASSES` and the steps that depend on the clock."""
    return (*PASSES, expand.for_target(target), narrow.PASS, SHARE)


def run_passes(
    graph: Graph, target: Target | None = None, between: Callable[[str, Graph], None] | None = None
) -> Graph:
    """The graph after all passes. ``between(name, graph)`` is called after each one (tests check legality there)."""
    for step in passes_for(target or Target()):
        graph = step.run(graph)
        if between is not None:
            between(step.name, graph)
    return graph


__all__ = ["PASSES", "Pass", "passes_for", "run_passes"]
