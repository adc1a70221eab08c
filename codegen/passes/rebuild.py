"""Copying a graph while changing it: what every pass is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from ..graph.construct import Construct
from ..graph.ir import Graph, Node, Order


@dataclass(frozen=True)
class Pass:
    """A step from a legal graph to a legal graph that does the same. ``name`` and one line what it is for."""

    name: str
    summary: str
    run: Callable[[Graph], Graph]


Visit = Callable[[Construct, Node, tuple[Node, ...]], Node | None]
"""(new graph, old node, its rebuilt arguments) -> what stands for it, or None for a plain copy."""


def rebuild(graph: Graph, visit: Visit | None = None) -> Graph:
    """The graph copied node by node through `Construct`, with ``visit`` deciding what each node becomes.

    Copying alone folds constants, shares equal nodes, applies local identities and drops what nothing needs.
    """
    copy = Construct(graph.emptied())
    new: dict[Node, Node] = {}
    for node in live(graph):
        copy.slot = node.slot
        args = tuple(new[a] for a in node.args)
        found = visit(copy, node, args) if visit is not None else None
        new[node] = plain(copy, node, args) if found is None else found
    return finish(graph, graph.order, copy, new)


def plain(copy: Construct, node: Node, args: tuple[Node, ...]) -> Node:
    """The node as it is, on new arguments."""
    if node.op == "const":
        return copy.const(node.attr, node.width)
    if node.op == "input":
        return copy.input(node.attr, node.width)
    if node.op == "site":
        if _never(args[0]) and node.width:
            return copy.const(0, node.width)
        site = node.attr
        return copy.site(site.unit, site.kind, *args, number=site.number, accesses=site.accesses)
    return copy.op(node.op, node.width, *args, attr=node.attr)


def finish(graph: Graph, orders: Iterable[Order], copy: Construct, new: dict[Node, Node]) -> Graph:
    """Carry outputs and orders over to the copy; drop what was made on the way but is not needed."""
    made = copy.graph
    made.outputs = {name: new[node] for name, node in graph.outputs.items()}
    made.nodes = live(made)
    for position, node in enumerate(made.nodes):
        node.id = position
    kept = set(made.nodes)
    survivors = {old for old, node in new.items() if old.op == node.op == "site" and node in kept}
    ends = {(new[o.before], new[o.after]): o.distance for o in orders_among(orders, survivors)}
    made.order = [Order(a, b, d) for (a, b), d in ends.items()]
    return made


def live(graph: Graph) -> list[Node]:
    """The nodes that outputs and sites with effects need, in topological order."""
    needed = set(graph.outputs.values())
    for node in reversed(graph.nodes):
        if node.op == "site" and node.attr.kind.writes and not _never(node.args[0]):
            needed.add(node)
        if node in needed:
            needed.update(node.args)
    return [node for node in graph.nodes if node in needed]


def _never(predicate: Node) -> bool:
    return predicate.op == "const" and predicate.attr == 0


def orders_among(given: Iterable[Order], kept: set[Node]) -> list[Order]:
    """The orders between kept sites, those that went through a dropped site included."""
    orders = {(o.before, o.after): o.distance for o in given}
    dropped = {end for ends in orders for end in ends if end not in kept}
    for site in sorted(dropped, key=lambda n: n.id):
        earlier = [a for a, b in orders if b is site]
        later = [b for a, b in orders if a is site]
        for a in earlier:
            for b in later:
                if a.attr.kind.conflicts(b.attr.kind):
                    orders.setdefault((a, b), distance(a, b))
        orders = {ends: d for ends, d in orders.items() if site not in ends}
    return [Order(a, b, d) for (a, b), d in orders.items()]


def distance(before: Node, after: Node) -> int:
    """Stages that keep the touches of two sites apart (docs/architecture.md, "One frame")."""
    return int(before.attr.kind.touch[1] + 1 - after.attr.kind.touch[0])


def users(nodes: Iterable[Node]) -> dict[Node, int]:
    """How many times each node is used as an argument."""
    count: dict[Node, int] = {}
    for node in nodes:
        for arg in node.args:
            count[arg] = count.get(arg, 0) + 1
    return count
