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


def balance(graph: Graph) -> Graph:
    """Rebuild every maximal tree of one associative operator whose inner nodes nobody else uses."""
    nodes = live(graph)
    uses = users(nodes)
    outputs = set(graph.outputs.values())
    inside = {
        arg
        for node in nodes
        if node.op in _ASSOCIATIVE
        for arg in node.args
        if arg.op == node.op and uses[arg] == 1 and arg not in outputs
    }
    moments: dict[Node, float] = {}
    copied: dict[Node, Node] = {}

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        copied.update(zip(node.args, args, strict=True))
        if node.op not in _ASSOCIATIVE or node in inside or not any(a in inside for a in node.args):
            return None
        leaves = [copied[leaf] for leaf in _leaves(node, inside)]
        return _combine(c, node.op, leaves, moments) if len(leaves) > 2 else None

    return rebuild(graph, visit)


PASS = Pass("balance", "chains of and, or, xor and add become trees with a short way for late values", balance)


def _leaves(node: Node, inside: set[Node]) -> list[Node]:
    leaves = []
    stack = list(reversed(node.args))
    while stack:
        x = stack.pop()
        if x in inside:
            stack.extend(reversed(x.args))
        else:
            leaves.append(x)
    return leaves


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
        moments[x] = start + timing.before(x) + late
        stack.pop()
    return moments[node]


_STAGE = 8.0  # ns that stand for a stage of a site's latency
