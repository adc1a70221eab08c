"""Chains of an associative operator become trees in which late values have a short way.

Conditions collect along a path as ``((a & b) & c) & d``, checksums as ``((a + b) + c) + d``. The leaves of such a
chain may be combined in any order: always joining the two that are ready first gives the least delay (Huffman's
rule, as in D. Bartlett et al., "Timing optimization of multiphase sequential logic").
"""

from __future__ import annotations

import heapq

from ..graph.construct import Construct
from ..graph.ir import Graph, Node
from ..schedule import timing
from .rebuild import Pass, live, rebuild, users

_ASSOCIATIVE = frozenset({"and", "or", "xor", "add"})
_DUAL = {"and": "or", "or": "and"}

Leaf = tuple[Node, bool]
"""A value and whether its complement is meant."""


def balance(graph: Graph) -> Graph:
    """Rebuild every maximal tree of one associative operator whose inner nodes nobody else uses."""
    nodes = live(graph)
    leaves = _trees(graph, nodes)
    moments: dict[Node, float] = {}
    copied: dict[Node, Node] = {}

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        copied.update(zip(node.args, args, strict=True))
        if node not in leaves:
            return None
        terms = [c.not_(copied[leaf]) if negated else copied[leaf] for leaf, negated in leaves[node]]
        return _combine(c, node.op, terms, moments)

    return rebuild(graph, visit)


PASS = Pass("balance", "chains of and, or, xor and add become trees with a short way for late values", balance)


def _trees(graph: Graph, nodes: list[Node]) -> dict[Node, list[Leaf]]:
    """The leaves of the trees with more than two of them, by root."""
    uses = users(nodes)
    outputs = set(graph.outputs.values())
    inside: set[Node] = set()
    trees: dict[Node, list[Leaf]] = {}
    for root in reversed(nodes):
        if root.op not in _ASSOCIATIVE or root in inside:
            continue
        leaves: list[Leaf] = []
        stack: list[Leaf] = [(arg, False) for arg in reversed(root.args)]
        while stack:
            node, negated = stack.pop()
            single = uses[node] == 1 and node not in outputs
            if single and node.op == "not" and root.op in _DUAL:
                inside.add(node)
                stack.append((node.args[0], not negated))
            elif single and node.op == (_DUAL[root.op] if negated else root.op):
                # De Morgan: the complement of an "or" is an "and" of complements.
                inside.add(node)
                stack += [(arg, negated) for arg in reversed(node.args)]
            else:
                leaves.append((node, negated))
        if len(leaves) > 2:
            trees[root] = leaves
    return trees


def _combine(c: Construct, op: str, leaves: list[Node], moments: dict[Node, float]) -> Node:
    width = leaves[0].width
    if op in ("and", "or"):
        leaves = list(dict.fromkeys(leaves))
        inverse = {leaf.args[0] for leaf in leaves if leaf.op == "not"}
        if any(leaf in inverse for leaf in leaves):
            return c.const(0 if op == "and" else -1, width)
    constants = [leaf for leaf in leaves if leaf.op == "const"]
    heap = [(_moment(leaf, moments), i, leaf) for i, leaf in enumerate(leaves) if leaf.op != "const"]
    heapq.heapify(heap)
    number = len(leaves)
    while len(heap) > 1:
        (_, _, a), (_, _, b) = heapq.heappop(heap), heapq.heappop(heap)
        joined = c.op(op, width, a, b)
        heapq.heappush(heap, (_moment(joined, moments), number, joined))
        number += 1
    result = heap[0][2] if heap else constants.pop()
    for constant in constants:
        result = c.op(op, width, result, constant)
    return result


def _moment(node: Node, moments: dict[Node, float]) -> float:
    """ns from the inputs to a node, registers left out of account."""
    stack = [node]
    while stack:
        x = stack[-1]
        if x in moments:
            stack.pop()
            continue
        missing = [a for a in x.args if a not in moments]
        if missing:
            stack += missing
            continue
        start = max((moments[a] for a in x.args), default=0.0)
        # A site's latency in ns is unknown here; a large number keeps its results behind everything else.
        late = _STAGE * timing.latency(x) + timing.behind(x)
        moments[x] = start + timing.need(x) + late
        stack.pop()
    return moments[node]


_STAGE = 8.0  # ns that stand for a stage of a site's latency
