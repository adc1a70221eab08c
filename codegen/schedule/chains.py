"""Which pairs of nodes cannot share a stage because the logic between them is too long for one."""

from __future__ import annotations

from ...hdl.target import Target
from ..graph.ir import Graph, Node
from . import timing
from .bits import Origins


def too_long(graph: Graph, origins: Origins, target: Target) -> list[tuple[Node, Node]]:
    """Pairs (u, v): v must issue at least one stage behind the stage where u's value appears.

    Only pairs at the frontier are listed: if a node between u and v is already in a pair with v or u, the pair
    follows from that one and the dependency.
    """
    limit = timing.budget(target)
    pairs: list[tuple[Node, Node]] = []
    # What a node hands on: for each source in its stage, ns from that source to the node's value.
    handed: dict[Node, dict[Node, float]] = {}
    for node in graph.nodes:
        if node.op == "const" or node.op in timing.WIRING:
            continue
        if node.op == "input":
            handed[node] = {}
            continue
        needs = [min(ns, limit) for ns in timing.needs(node)]
        sources: dict[Node, float] = {}
        for arg, need in zip(node.args, needs, strict=True):
            for root in origins.roots(arg):
                for source, ns in handed[root].items():
                    if ns + need > sources.get(source, 0.0):
                        sources[source] = ns + need
        long = [source for source, ns in sources.items() if ns > limit + timing.SLACK]
        implied = {root for source in long for arg in source.args for root in origins.roots(arg)}
        pairs += [(source, node) for source in long if source not in implied]
        if timing.latency(node):
            handed[node] = {node: min(timing.behind(node), limit)}
        else:
            dropped = set(long)
            handed[node] = {source: ns for source, ns in sources.items() if source not in dropped}
            handed[node][node] = max(needs)
    return pairs
