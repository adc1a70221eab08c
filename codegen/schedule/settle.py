"""The plain heuristic for graphs that are too large for the solver: late where that is no loss, otherwise early."""

from __future__ import annotations

from ..graph.ir import Node
from .problem import Problem


def settle(problem: Problem) -> dict[Node, int]:
    """From the earliest stages, sites that only read and nodes that are wider than what they use move back.

    In reverse topological order each goes as far back as the nodes behind it allow.
    """
    stage = dict(problem.earliest)
    behind: dict[Node, list[tuple[Node, int]]] = {}
    for (early, late), gap in problem.gaps.items():
        behind.setdefault(early, []).append((late, gap))
    for node in reversed(problem.nodes):
        read = node.op == "site" and not node.attr.kind.writes
        used = sum(width for arg in node.args for _, _, width in problem.origins.spans(arg))
        if read or (used <= node.width and node.op not in ("site", "input")):
            stage[node] = min([problem.latest[node], *(stage[late] - gap for late, gap in behind.get(node, ()))])
    return stage
