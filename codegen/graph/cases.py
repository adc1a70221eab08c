"""The constants that a number can be, and when: it is a choice of them where paths met."""

from __future__ import annotations

import heapq
from collections.abc import Sequence

from .ir import Node
from .predicates import FALSE, Predicates

_MOST = 64
"""Constants of one number; what has more is taken as computed."""


def cases(p: Predicates, node: Node, path: int) -> list[tuple[int, int]] | None:
    """Disjoint predicates, which include ``path``, and the number that ``node`` is under each; None if it is not
    chosen among a few constants."""
    found: dict[int, int] = {}
    wanted: dict[tuple[int, int, int], int] = {}  # parts of nodes still to look at -> the predicates under which
    heap: list[tuple[int, int, int]] = []
    nodes: dict[int, Node] = {}

    def want(node: Node, path: int, shift: int, mask: int) -> None:
        part = (-node.id, shift, mask)
        if part not in wanted:
            nodes[node.id] = node
            heapq.heappush(heap, part)
        wanted[part] = p.either(wanted.get(part, FALSE), path)

    want(node, path, 0, (1 << node.width) - 1)
    while heap:
        # A node's users have higher numbers, so all ways to it are known by now: each is looked at once, however many
        # there are.
        part = heapq.heappop(heap)
        path, node, (_, shift, mask) = wanted.pop(part), nodes[-part[0]], part
        if path == FALSE:
            continue
        if node.op == "const":
            value = node.attr >> shift & mask
            found[value] = p.either(found.get(value, FALSE), path)
            if len(found) > _MOST:
                return None
        elif node.op == "mux":
            condition, on_true, on_false = node.args
            want(on_true, p.both(path, p.of(condition)), shift, mask)
            want(on_false, p.both(path, p.invert(p.of(condition))), shift, mask)
        elif node.op in ("zext", "slice"):
            low = node.attr if node.op == "slice" else 0
            size = node.width if node.op == "slice" else node.args[0].width
            want(node.args[0], path, shift + low, mask & (1 << size) - 1 >> shift)
        else:
            return None
    return [(predicate, value) for value, predicate in found.items()]


def known_bytes(p: Predicates, nodes: Sequence[Node], path: int) -> list[tuple[int, bytes]] | None:
    """The same for several nodes of 8 bits together."""
    found = [(path, b"")]
    for node in nodes:
        longer: list[tuple[int, bytes]] = []
        for when, text in found:
            ways = cases(p, node, when)
            if ways is None:
                return None
            longer += [(q, text + bytes([value])) for q, value in ways]
        found = longer
        if len(found) > _MOST:
            return None
    return found
