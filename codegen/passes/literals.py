"""What a predicate implies: conditions that must hold, or fail, wherever it is true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..graph.ir import Node

Literal = tuple[Node, bool]
"""A 1-bit node and the value it must have."""

_MOST = 256  # literals kept of one predicate; fewer implied conditions are still true


class Literals:
    """Implied literals of the 1-bit nodes that the given predicates are made of, looked up by `of`."""

    def __init__(self, nodes: Sequence[Node], predicates: Iterable[Node]) -> None:
        wanted = set(predicates)
        for node in reversed(nodes):
            if node in wanted and node.op in ("and", "or", "not", "mux"):
                wanted.update(node.args)
        self._known: dict[Literal, frozenset[Literal]] = {}
        for node in nodes:
            if node in wanted:
                for value in (True, False):
                    implied = self._imply(node, value) | {(node, value)}
                    self._known[node, value] = implied if len(implied) <= _MOST else frozenset({(node, value)})

    def of(self, predicate: Node) -> frozenset[Literal]:
        """What holds wherever the predicate does."""
        return self._known[predicate, True]

    def _imply(self, node: Node, value: bool) -> frozenset[Literal]:
        known = self._known
        if node.op == "not":
            return known[node.args[0], not value]
        if node.op in ("and", "or"):
            left, right = (known[arg, value] for arg in node.args)
            return left | right if (node.op == "and") == value else left & right
        if node.op == "mux":
            select, a, b = node.args
            return (known[select, True] | known[a, value]) & (known[select, False] | known[b, value])
        return frozenset()

    def exclusive(self, p: Node, q: Node) -> bool:
        """Whether p and q are never true together, as far as implied literals show."""
        a, b = self.of(p), self.of(q)
        if len(a) > len(b):
            a, b = b, a
        if any((node, not value) in b for node, value in a):
            return True
        fixed = {node.args[0]: node.args[1] for node, value in a if value and _fixes(node)}
        return any(
            value and _fixes(node) and fixed.get(node.args[0], node.args[1]) is not node.args[1] for node, value in b
        )


def _fixes(node: Node) -> bool:
    """``x == constant``; constants exist once, so different nodes are different values."""
    return node.op == "eq" and node.args[1].op == "const"
