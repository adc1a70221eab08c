"""Sites that never happen for the same frame become one site, that is one port of the map's memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from ..graph.construct import Construct
from ..graph.ir import Graph, Node, Order
from .literals import Literals
from .rebuild import Pass, distance, finish, live, orders_among, plain


def merge_exclusive(graph: Graph) -> Graph:
    """Merge sites of one unit and kind whose predicates exclude each other.

    Orders between sites that exclude each other are dropped: they keep apart what never meets. Sites that still lie
    on one path, by values or by orders, are not merged: the merged site would wait for itself.
    """
    nodes = live(graph)
    sites = [node for node in nodes if node.op == "site"]
    literals = Literals(nodes, (site.args[0] for site in sites))
    orders = _without_exclusive(orders_among(graph.order, set(sites)), literals)
    classes = _classes(sites, _ancestors(nodes, orders), literals)
    return _rebuild(graph, nodes, orders, classes)


PASS = Pass("exclusive", "accesses to a map that exclude each other share one port", merge_exclusive)


def _without_exclusive(orders: list[Order], literals: Literals) -> list[Order]:
    """Orders between sites that may meet, those implied through a dropped one included."""
    kept = {(o.before, o.after): o.distance for o in orders}
    for before, after in list(kept):
        if not literals.exclusive(before.args[0], after.args[0]):
            continue
        del kept[before, after]
        around = [(a, after) for a, b in kept if b is before] + [(before, b) for a, b in kept if a is after]
        for a, b in around:
            if a.attr.kind.conflicts(b.attr.kind) and not literals.exclusive(a.args[0], b.args[0]):
                kept.setdefault((a, b), distance(a, b))
    return [Order(a, b, d) for (a, b), d in kept.items()]


def _ancestors(nodes: list[Node], orders: list[Order]) -> dict[Node, set[Node]]:
    """The sites in front of each site, by values or by orders."""
    before: dict[Node, list[Node]] = {}
    for order in orders:
        before.setdefault(order.after, []).append(order.before)
    index: dict[Node, int] = {}
    above: dict[Node, int] = {}  # bit i: site number i lies in front
    for node in nodes:
        mask = 0
        for arg in (*node.args, *before.get(node, ())):
            mask |= above[arg] | (1 << index[arg] if arg in index else 0)
        above[node] = mask
        if node.op == "site":
            index[node] = len(index)
    return {site: {other for other, i in index.items() if above[site] >> i & 1} for site in index}


def _classes(sites: list[Node], ancestors: dict[Node, set[Node]], literals: Literals) -> list[list[Node]]:
    """A partition of the sites into those that become one."""
    classes: list[list[Node]] = []
    for site in sites:
        for members in classes:
            first = members[0]
            same = first.attr.unit == site.attr.unit and first.attr.kind == site.attr.kind
            if same and all(_may_join(site, other, ancestors, literals) for other in members):
                joined = {*members, site}
                above = set().union(*(ancestors[s] for s in joined))
                for other in sites:
                    if other in joined or ancestors[other] & joined:
                        ancestors[other] |= above | joined - {other}
                members.append(site)
                break
        else:
            classes.append([site])
    return classes


def _may_join(a: Node, b: Node, ancestors: dict[Node, set[Node]], literals: Literals) -> bool:
    apart = a not in ancestors[b] and b not in ancestors[a]
    return apart and literals.exclusive(a.args[0], b.args[0])


def _rebuild(graph: Graph, nodes: list[Node], orders: list[Order], classes: list[list[Node]]) -> Graph:
    copy = Construct(graph.emptied())
    class_of = {site: members for members in classes for site in members}
    before: dict[Node, list[Node]] = {}
    for order in orders:
        before.setdefault(order.after, []).append(order.before)

    def needs(node: Node) -> list[Node]:
        members = class_of.get(node, [node])
        return [x for m in members for x in (*m.args, *before.get(m, ()))]

    new: dict[Node, Node] = {}
    for node in _topological(nodes, needs):
        if node in new:
            continue
        copy.slot = node.slot
        members = class_of.get(node, [node])
        if len(members) == 1:
            new[node] = plain(copy, node, tuple(new[a] for a in node.args))
        else:
            merged = _merged(copy, members, new)
            new.update(dict.fromkeys(members, merged))
    _renumber(copy.graph)
    return finish(graph, orders, copy, new)


def _merged(copy: Construct, members: list[Node], new: dict[Node, Node]) -> Node:
    """One site that happens where any member does, with that member's operands."""
    predicate, *operands = (new[a] for a in members[-1].args)
    for member in reversed(members[:-1]):
        condition, *others = (new[a] for a in member.args)
        operands = [copy.mux(condition, x, y) for x, y in zip(others, operands, strict=True)]
        predicate = copy.or_(predicate, condition)
    first = members[0].attr
    accesses = sum(member.attr.accesses for member in members)
    return copy.site(first.unit, first.kind, predicate, *operands, number=first.number, accesses=accesses)


def _renumber(graph: Graph) -> None:
    """Numbers follow the order in which the sites now stand."""
    sites = [node for node in graph.nodes if node.op == "site"]
    numbers = sorted(node.attr.number for node in sites)
    for node, number in zip(sites, numbers, strict=True):
        node.attr = replace(node.attr, number=number)


def _topological(nodes: Iterable[Node], needs: Callable[[Node], list[Node]]) -> list[Node]:
    """Depth first, as close to the given order as ``needs`` allows."""
    done: dict[Node, None] = {}
    for root in nodes:
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [x for x in needs(node) if x not in done] if node not in done else []
            if missing:
                stack += missing
            else:
                done[stack.pop()] = None
    return list(done)
