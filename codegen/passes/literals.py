"""What a predicate implies: conditions that must hold, or fail, wherever it is true."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ..graph.ir import Node

Literal = tuple[Node, bool]
"""A 1-bit node and the value it must have."""

_MOST = 256  # literals kept of one predicate; fewer implied conditions are still true


class Marks(NamedTuple):
    """Literals as bit sets, for quick comparison: nodes that are ``true``, nodes that are ``false``; those of the true
    ones that say ``x == constant``, and their ``subjects`` x."""

    true: int
    false: int
    fixing: int
    subjects: int


class Literals:
    """Implied literals of the 1-bit nodes that the given predicates are made of, looked up by `of`."""

    def __init__(self, nodes: Sequence[Node], predicates: Iterable[Node]) -> None:
        wanted = set(predicates)
        for node in reversed(nodes):
            if node in wanted and node.op in ("and", "or", "not", "mux"):
                wanted.update(node.args)
        self._known: dict[Literal, frozenset[Literal]] = {}
        self._marks: dict[Node, Marks] = {}
        self._bits: dict[Node, int] = {}
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
        a, b = self._marked(p), self._marked(q)
        if a.true & b.false or a.false & b.true:
            return True
        # Constants exist once, so subjects that are the same in both must be fixed by the same nodes.
        return (a.subjects & b.subjects).bit_count() > (a.fixing & b.fixing).bit_count()

    def _marked(self, predicate: Node) -> Marks:
        found = self._marks.get(predicate)
        if found is None:
            true = false = fixing = subjects = 0
            for node, value in self.of(predicate):
                bit = self._bit(node)
                if not value:
                    false |= bit
                    continue
                true |= bit
                if node.op == "eq" and node.args[1].op == "const":
                    fixing |= bit
                    subjects |= self._bit(node.args[0])
            found = self._marks[predicate] = Marks(true, false, fixing, subjects)
        return found

    def _bit(self, node: Node) -> int:
        return 1 << self._bits.setdefault(node, len(self._bits))
