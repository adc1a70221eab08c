"""The legal graph: every way to break it is found."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hardpath.codegen.graph.ir import Graph, Node, Order, Site
from hardpath.codegen.graph.legal import IllegalGraph, check
from hypothesis import given
from hypothesis import strategies as st


@given(seed=st.integers(0, 2**32), size=st.integers(1, 60))
def test_graphs_made_by_construction_are_legal(random_graph: Callable[..., Graph], seed: int, size: int) -> None:
    check(random_graph(random.Random(seed), size))


def swap_neighbours(graph: Graph, site: Node) -> None:
    graph.nodes[site.id], graph.nodes[site.id - 1] = graph.nodes[site.id - 1], site


def use_later_value(graph: Graph, site: Node) -> None:
    site.args = (graph.nodes[-1], *site.args[1:])


def use_foreign_value(graph: Graph, site: Node) -> None:
    site.args = (Node(0, "const", 1, (), 1, None), *site.args[1:])


def widen_predicate(graph: Graph, site: Node) -> None:
    site.args = (next(n for n in graph.nodes[: site.id] if n.width > 1), *site.args[1:])


def lose_operand(graph: Graph, site: Node) -> None:
    site.args = site.args[:-1]


def widen_result(graph: Graph, site: Node) -> None:
    site.width += 1


def take_number(graph: Graph, site: Node) -> None:
    other = next(n for n in graph.nodes if n.op == "site" and n is not site)
    site.attr = Site(site.attr.unit, site.attr.kind, other.attr.number)


def order_backwards(graph: Graph, site: Node) -> None:
    last = next(n for n in reversed(graph.nodes) if n.op == "site" and n.attr.unit == site.attr.unit)
    graph.order.append(Order(last, site, 1))


def order_two_units(graph: Graph, site: Node) -> None:
    other = next(n for n in graph.nodes if n.op == "site" and n.attr.unit != site.attr.unit)
    graph.order.append(Order(*sorted((site, other), key=lambda n: n.id), 1))


def order_a_pure_node(graph: Graph, site: Node) -> None:
    graph.order.append(Order(graph.nodes[0], site, 1))


def overflow_constant(graph: Graph, site: Node) -> None:
    constant = next(n for n in graph.nodes if n.op == "const")
    constant.attr = 1 << constant.width


def rename_input(graph: Graph, site: Node) -> None:
    next(n for n in graph.nodes if n.op == "input").attr = "nothing"


def repeat_input(graph: Graph, site: Node) -> None:
    graph.nodes.append(Node(len(graph.nodes), "input", 16, (), "length", None))


def invent_operator(graph: Graph, site: Node) -> None:
    graph.nodes.append(Node(len(graph.nodes), "frobnicate", 1, (), None, None))


def mix_widths(graph: Graph, site: Node) -> None:
    wide, narrow = graph.nodes[0], next(n for n in graph.nodes if n.width == 1)
    graph.nodes.append(Node(len(graph.nodes), "add", wide.width, (wide, narrow), None, None))


def foreign_output(graph: Graph, site: Node) -> None:
    graph.outputs["verdict"] = Node(0, "const", 3, (), 1, None)


def widen_output(graph: Graph, site: Node) -> None:
    graph.outputs["verdict"] = graph.outputs["redirect"]


def invent_output(graph: Graph, site: Node) -> None:
    graph.outputs["nothing"] = graph.outputs["verdict"]


@pytest.mark.parametrize(
    "damage",
    [
        swap_neighbours,
        use_later_value,
        use_foreign_value,
        widen_predicate,
        lose_operand,
        widen_result,
        take_number,
        order_backwards,
        order_two_units,
        order_a_pure_node,
        overflow_constant,
        rename_input,
        repeat_input,
        invent_operator,
        mix_widths,
        foreign_output,
        widen_output,
        invent_output,
    ],
    ids=lambda damage: damage.__name__,
)
def test_damage_is_found(random_graph: Callable[..., Graph], damage: Callable[[Graph, Node], None]) -> None:
    graph = random_graph(random.Random(7), 80)
    units = [n.attr.unit for n in graph.nodes if n.op == "site"]
    first = next(n for n in graph.nodes if n.op == "site" and units.count(n.attr.unit) > 1)
    check(graph)
    damage(graph, first)
    with pytest.raises(IllegalGraph):
        check(graph)
