"""Demanded bits, backwards: which bits of a value can change an output or what a site does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..graph.ir import Graph, Node
from .known import Bits


def demanded_bits(graph: Graph, nodes: Sequence[Node], known: Mapping[Node, Bits]) -> dict[Node, int]:
    """Masks for nodes in topological order; a bit that is 0 in the mask may take any value."""
    demanded = dict.fromkeys(nodes, 0)
    for node in graph.outputs.values():
        demanded[node] = (1 << node.width) - 1
    for node in reversed(nodes):
        mask = demanded[node]
        if node.op != "site" and not mask:
            continue
        for arg, wanted in zip(node.args, _of_arguments(node, mask, known), strict=True):
            demanded[arg] |= wanted
    return demanded


def _of_arguments(node: Node, mask: int, known: Mapping[Node, Bits]) -> list[int]:
    """What a node needs of each argument when ``mask`` is needed of it."""
    op, args = node.op, node.args
    if op in ("xor", "not"):
        return [mask] * len(args)
    if op == "and":
        a, b = (known[x] for x in args)
        return [mask & b.maximum, mask & (a.maximum | ~b.maximum)]
    if op == "or":
        a, b = (known[x] for x in args)
        return [mask & ~b.value, mask & ~(a.value & ~b.value)]
    if op == "mux":
        return [1, mask, mask]
    below = (1 << mask.bit_length()) - 1
    if op in ("add", "sub"):
        return [below, below]
    if op == "mul":
        return [below & _all(a) for a in args]
    if op == "shl":
        return [below, _all(args[1])]
    if op in ("lshr", "ashr"):
        low = (mask & -mask).bit_length() - 1
        return [_all(args[0]) >> low << low, _all(args[1])]
    if op == "slice":
        return [mask << node.attr]
    if op == "zext":
        return [mask & _all(args[0])]
    if op == "sext":
        inner = args[0].width
        return [mask & _all(args[0]) | (1 << inner - 1 if mask >> inner else 0)]
    if op == "concat":
        parts = []
        for arg in args:
            parts.append(mask & _all(arg))
            mask >>= arg.width
        return parts
    return [_all(a) for a in args]


def _all(node: Node) -> int:
    return (1 << node.width) - 1
