"""Fewer and flatter multiplexers.

Joins of paths become chains of muxes whose arms are often the same value. A mux of two muxes that share an arm is one
mux with a longer condition; a long chain becomes a tree of logarithmic depth with as many muxes.
"""

from __future__ import annotations

from ..graph.construct import Construct
from ..graph.ir import Graph, Node
from .rebuild import Pass, live, plain, rebuild, users


def share_arms(graph: Graph) -> Graph:
    """``s ? a : (t ? a : b)`` is ``s | t ? a : b``, and the three forms like it."""
    uses = users(live(graph))

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op != "mux":
            return None
        select, a, b = args
        # Muxes that are used elsewhere too stay, so nothing would be saved by looking through them.
        if b.op == "mux" and uses.get(node.args[2], 0) == 1:
            inner, x, y = b.args
            if x is a:
                return c.mux(c.or_(select, inner), a, y)
            if y is a:
                return c.mux(c.or_(select, c.not_(inner)), a, x)
        if a.op == "mux" and uses.get(node.args[1], 0) == 1:
            inner, x, y = a.args
            if y is b:
                return c.mux(c.and_(select, inner), x, b)
            if x is b:
                return c.mux(c.and_(select, c.not_(inner)), y, b)
        return _absorb(c, select, a, b) if node.width == 1 else None

    return rebuild(graph, visit)


def _absorb(c: Construct, select: Node, a: Node, b: Node) -> Node | None:
    """``s ? a : a & x`` is ``a & (s | x)``, and so on: gates that can be joined with others."""
    for whole, part, condition in ((a, b, select), (b, a, c.not_(select))):
        if part.op in ("and", "or") and whole in part.args:
            other = part.args[1] if part.args[0] is whole else part.args[0]
            if part.op == "and":
                return c.and_(whole, c.or_(condition, other))
            return c.or_(whole, c.and_(c.not_(condition), other))
    return None


SHARE_ARMS = Pass("share-arms", "muxes that lead to the same value become one with a longer condition", share_arms)

_SHORT = 3  # chains up to this length are left alone


def flatten_chains(graph: Graph) -> Graph:
    """``s1 ? a1 : (s2 ? a2 : ...)`` as a balanced tree of the same muxes."""
    nodes = live(graph)
    uses = users(nodes)
    inside = {
        node.args[2] for node in nodes if node.op == "mux" and node.args[2].op == "mux" and uses[node.args[2]] == 1
    } - set(graph.outputs.values())

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op != "mux" or node in inside:
            return None
        chain: list[tuple[Node, Node]] = []
        link = plain(c, node, args)
        while link.op == "mux" and (not chain or node in inside):
            chain.append((link.args[0], link.args[1]))
            node, link = node.args[2], link.args[2]
            if node.op != "mux":
                break
        if len(chain) <= _SHORT:
            return None
        return _tree(c, chain, link)

    return rebuild(graph, visit)


FLATTEN_CHAINS = Pass("flatten-chains", "long chains of muxes become balanced trees", flatten_chains)


def _tree(c: Construct, chain: list[tuple[Node, Node]], last: Node) -> Node:
    """The first arm whose select holds, else ``last``."""
    if not chain:
        return last
    if len(chain) == 1:
        return c.mux(*chain[0], last)
    half = (len(chain) + 1) // 2
    first, rest = chain[:half], chain[half:]
    return c.mux(_any(c, [select for select, _ in first]), _tree(c, first[:-1], first[-1][1]), _tree(c, rest, last))


def _any(c: Construct, terms: list[Node]) -> Node:
    while len(terms) > 1:
        pairs = [c.or_(*terms[i : i + 2]) for i in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[len(terms) & ~1 :]
    return terms[0]
