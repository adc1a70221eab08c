"""The legal graph, stated in one place."""

from __future__ import annotations

from ...hdl.operators import OPERATORS
from .ir import INPUTS, Graph, Node, event_output

OUTPUTS = {"verdict": 3, "redirect": 32, "start": 16, "length": 16, "limit": 16, "result": 64}
"""Widths of the outputs other than ``window``, in bits."""


class IllegalGraph(Exception):
    """A graph that breaks its contract. Never the user's fault: the builder or a pass made a mistake."""


def check(graph: Graph) -> None:
    """Raise `IllegalGraph` unless the graph keeps to `codegen.graph.ir`.

    Nodes stand in topological order at the position their id says; widths are those the operators allow;
    sites have a 1-bit predicate, the operands of their kind, and numbers of their own that follow the
    order; orders join sites of one unit, forwards; inputs and outputs exist once, with their widths.
    """
    inputs: set[str] = set()
    numbers: set[int] = set()
    for position, node in enumerate(graph.nodes):
        if node.id != position:
            raise IllegalGraph(f"{node} is at position {position}")
        for arg in node.args:
            if not (0 <= arg.id < position and graph.nodes[arg.id] is arg):
                raise IllegalGraph(f"{node} uses {arg}, which does not stand before it")
        if node.op == "const":
            _check_const(node)
        elif node.op == "input":
            _check_input(graph, node, inputs)
        elif node.op == "site":
            _check_site(node, numbers)
        elif node.op in OPERATORS:
            try:
                OPERATORS[node.op].check(node.width, [a.width for a in node.args], node.attr)
            except ValueError as error:
                raise IllegalGraph(f"{node}: {error}") from error
        else:
            raise IllegalGraph(f"{node}: no such operator")
    _check_order(graph)
    _check_outputs(graph)


def _check_const(node: Node) -> None:
    if node.width < 1 or node.args or not (isinstance(node.attr, int) and 0 <= node.attr < 1 << node.width):
        raise IllegalGraph(f"{node}: not a constant of {node.width} bits")


def _check_input(graph: Graph, node: Node, seen: set[str]) -> None:
    width = 8 * graph.window if node.attr == "window" else INPUTS.get(node.attr)
    if node.args or node.width != width or node.attr in seen:
        raise IllegalGraph(f"{node}: no such input, or a second one")
    seen.add(node.attr)


def _check_site(node: Node, numbers: set[int]) -> None:
    kind = node.attr.kind
    if [a.width for a in node.args] != [1, *(width for _, width in kind.operands)]:
        raise IllegalGraph(f"{node}: arguments are not those of {kind.name}")
    if node.width != kind.result_width:
        raise IllegalGraph(f"{node}: {kind.name} gives {kind.result_width} bits")
    if node.attr.number in numbers:
        raise IllegalGraph(f"{node}: number {node.attr.number} is taken")
    numbers.add(node.attr.number)


def _check_order(graph: Graph) -> None:
    for order in graph.order:
        for end in (order.before, order.after):
            if end.op != "site" or not (0 <= end.id < len(graph.nodes) and graph.nodes[end.id] is end):
                raise IllegalGraph(f"{order}: {end} is not a site of this graph")
        if order.before.id >= order.after.id or order.before.attr.number >= order.after.attr.number:
            raise IllegalGraph(f"{order}: runs backwards")
        if order.before.attr.unit != order.after.attr.unit:
            raise IllegalGraph(f"{order}: joins two units")


def _width(graph: Graph, name: str) -> int | None:
    """Bits of an output, None if there is none of that name."""
    if name == "window":
        return 8 * (graph.headroom + graph.window)
    events = {event_output(k): 1 + sum(kind.widths) for k, kind in enumerate(graph.events)}
    return {**OUTPUTS, **events}.get(name)


def _check_outputs(graph: Graph) -> None:
    for name, node in graph.outputs.items():
        width = _width(graph, name)
        if not (0 <= node.id < len(graph.nodes) and graph.nodes[node.id] is node):
            raise IllegalGraph(f"output {name} is {node}, which is not in the graph")
        if node.width != width:
            raise IllegalGraph(f"output {name} has {node.width} bits, not {width}")
