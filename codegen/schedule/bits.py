"""Which bits of which values a node reads, wiring looked through: registers hold bits, not nodes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..graph.ir import Graph, Node
from . import timing


class Span(NamedTuple):
    """Bits [low, low + width) of ``root`` (an input, logic, a site; None: constants), ``copies`` times."""

    root: Node | None
    low: int
    width: int
    copies: int = 1  # more than one of single bits only


class Origins:
    """For every node the spans that it consists of, lowest first."""

    def __init__(self, graph: Graph) -> None:
        self._spans: list[tuple[Span, ...]] = []
        self._roots: list[tuple[Node, ...]] = []
        for node in graph.nodes:
            self._spans.append(tuple(self._resolve(node)))
            wiring = node.op in timing.WIRING
            below = (root for arg in node.args for root in self._roots[arg.id])
            self._roots.append(tuple(dict.fromkeys(below)) if wiring else () if node.op == "const" else (node,))

    def spans(self, node: Node) -> list[tuple[Node, int, int]]:
        """(root, low, width) of all bits of a node that are not constant."""
        return [(root, low, width) for root, low, width, _ in self._spans[node.id] if root is not None]

    def roots(self, node: Node) -> tuple[Node, ...]:
        """The values that a node is wired to, those included whose bits a slice behind cuts off."""
        return self._roots[node.id]

    def _resolve(self, node: Node) -> Iterable[Span]:
        if node.op not in timing.WIRING:
            return [Span(None if node.op == "const" else node, 0, node.width)] if node.width else []
        inner = [span for arg in node.args for span in self._spans[arg.id]]
        if node.op == "slice":
            return _cut(inner, node.attr, node.width)
        grown = node.width - sum(arg.width for arg in node.args)
        if grown and node.op == "zext":
            inner.append(Span(None, 0, grown))
        elif grown:
            (sign,) = _cut(inner, node.args[0].width - 1, 1)
            inner.append(sign._replace(copies=grown))
        return inner


def _cut(spans: Iterable[Span], low: int, width: int) -> list[Span]:
    """Bits [low, low + width) of what the spans make."""
    cut = []
    base = 0
    for span in spans:
        a, b = max(low - base, 0), min(low + width - base, span.width * span.copies)
        if a < b:
            if span.copies > 1:
                cut.append(span._replace(copies=b - a))
            else:
                cut.append(Span(span.root, span.low + a, b - a))
        base += span.width * span.copies
        if base >= low + width:
            break
    return cut
