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


def delay(node: Node) -> float:
    """ns from a pure node's arguments to its value; 0 for what has none."""
    if node.op in ("const", "input", "site"):
        return 0.0
    constants = [a.attr if a.op == "const" else None for a in node.args]
    return OPERATORS[node.op].delay(node.width, [a.width for a in node.args], node.attr, constants)


def latency(node: Node) -> int:
    """Stages from issue to value."""
    return node.attr.kind.latency if node.op == "site" else 0


def span(node: Node) -> int:
    """Stages behind its issue stage that a node still needs: for its value or for touching its unit."""
    return max(node.attr.kind.latency, node.attr.kind.touch[1]) if node.op == "site" else 0


def before(node: Node) -> float:
    """ns of logic between a node's arguments and its value or the end of its issue stage (latency > 0)."""
    if node.op != "site":
        return delay(node)
    kind = node.attr.kind
    return float(kind.delay_in + (kind.delay_out if kind.latency == 0 else 0.0))


def behind(node: Node) -> float:
    """ns into the stage where it appears at which a value that comes out of a register or memory is there."""
    return node.attr.kind.delay_out if node.op == "site" and node.attr.kind.latency else 0.0
