"""How long nodes take: the one reading of operators' and sites' delays that scheduling uses."""

from __future__ import annotations

from ...hdl.operators import OPERATORS
from ...hdl.target import Target
from ..graph.ir import Node

WIRING = frozenset({"slice", "concat", "zext", "sext"})
"""Operators without logic. Registers hold the bits of the values that wiring is made from, not the wiring."""

SLACK = 1e-6  # ns; sums of delays are equal up to this


def budget(target: Target) -> float:
    """ns of logic that a stage may hold."""
    return target.period_ns * target.margin


def needs(node: Node) -> list[float]:
    """ns from each argument to the node's value, or to the end of its issue stage where the value comes later."""
    if node.op == "site":
        kind = node.attr.kind
        return [float(kind.delay_in + (kind.delay_out if kind.latency == 0 else 0.0))] * len(node.args)
    if not node.args:
        return []
    constants = [a.attr if a.op == "const" else None for a in node.args]
    return OPERATORS[node.op].delays(node.width, [a.width for a in node.args], node.attr, constants)


def need(node: Node) -> float:
    """ns that a node takes if all of its arguments come from registers."""
    return max(needs(node), default=0.0)


def latency(node: Node) -> int:
    """Stages from issue to value."""
    return node.attr.kind.latency if node.op == "site" else 0


def span(node: Node) -> int:
    """Stages behind its issue stage that a node still needs: for its value or for touching its unit."""
    return max(node.attr.kind.latency, node.attr.kind.touch[1]) if node.op == "site" else 0


def behind(node: Node) -> float:
    """ns into the stage where it appears at which a value that comes out of a register or memory is there."""
    return node.attr.kind.delay_out if node.op == "site" and node.attr.kind.latency else 0.0
