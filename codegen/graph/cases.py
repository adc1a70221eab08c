"""The constants that a number can be, and when: it is a choice of them where paths met."""

from __future__ import annotations

from .ir import Node
from .predicates import FALSE, Predicates

_MOST = 64
"""Constants of one number; what has more is taken as computed."""


def cases(p: Predicates, node: Node, path: int) -> list[tuple[int, int]] | None:
    """Disjoint predicates, which include ``path``, and the number that ``node`` is under each; None if it is not
    chosen among a few constants."""
    found: dict[int, int] = {}

    def visit(node: Node, path: int, shift: int, mask: int) -> bool:
        if path == FALSE:
            return True
        if node.op == "const":
            value = node.attr >> shift & mask
            found[value] = p.either(found.get(value, FALSE), path)
            return len(found) <= _MOST
        if node.op == "mux":
            taken = p.both(path, p.of(node.args[0]))
            other = p.both(path, p.invert(p.of(node.args[0])))
            return visit(node.args[1], taken, shift, mask) and visit(node.args[2], other, shift, mask)
        if node.op == "zext":
            return visit(node.args[0], path, shift, mask & (1 << node.args[0].width) - 1 >> shift)
        if node.op == "slice":
            return visit(node.args[0], path, shift + node.attr, mask & (1 << node.width) - 1 >> shift)
        return False

    if not visit(node, path, 0, (1 << node.width) - 1):
        return None
    return [(predicate, value) for value, predicate in found.items()]
