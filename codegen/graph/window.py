"""The end of a program: outputs of all exits joined, map rows written back, nodes in topological order."""

from __future__ import annotations

from ...hdl.helpers.base import TARGET_BITS
from ...hdl.verdicts import BROADCAST, XDP_REDIRECT
from .access import Rows
from .construct import Construct
from .ir import INPUTS, Graph, Node
from .predicates import Predicates
from .state import State, join

ABORTED, LAST_VERDICT = 0, 4


def finish_raw(graph: Graph, c: Construct, p: Predicates, rows: Rows, exits: list[tuple[State, Node]]) -> None:
    """Fill in ``graph.outputs`` and ``graph.order`` of a raw program, and renumber the nodes that are needed."""
    _, result = _join_exits(c, p, rows, exits)
    graph.outputs["result"] = result
    sort(graph)


def finish_xdp(graph: Graph, c: Construct, p: Predicates, rows: Rows, exits: list[tuple[State, Node]]) -> None:
    """The same for an XDP program."""
    end, verdict = _join_exits(c, p, rows, [(state, _verdict(c, result)) for state, result in exits])
    end.stores.spread(c, p, end.predicate, end.packet, -graph.headroom, graph.window)
    frame, base = end.frame, c.const(graph.headroom, 16)

    def position(node: Node) -> Node:
        return c.add(c.slice(node, 0, 16), base)

    several = c.and_(c.slice(end.redirect, TARGET_BITS - 1, 1), c.eq(verdict, c.const(XDP_REDIRECT, 3)))
    graph.outputs |= {
        "verdict": c.mux(several, c.const(BROADCAST, 3), verdict),
        "redirect": c.slice(end.redirect, 0, TARGET_BITS - 1),
        "start": position(frame.data),
        "length": c.sub(c.slice(frame.data_end, 0, 16), c.slice(frame.data, 0, 16)),
        "limit": position(frame.limit),
        "window": c.concat([end.packet.byte(i) for i in range(-graph.headroom, graph.window)]),
    }
    received = c.zext(c.input("length", INPUTS["length"]), 64)
    graph.tail_fixed = frame.data_end is received and frame.limit is received
    sort(graph)


def _join_exits(c: Construct, p: Predicates, rows: Rows, exits: list[tuple[State, Node]]) -> tuple[State, Node]:
    """The state at the end, whatever the exit, with all map rows written back; and the result."""
    for state, result in exits:
        state.registers = [{0: result}]
        state.stacks = []
    end = join(c, p, [state for state, _ in exits], rows.new_epoch)
    rows.flush(end)
    rows.order()
    joined = end.registers[0][0]
    assert isinstance(joined, Node)
    return end, joined


def _verdict(c: Construct, result: Node) -> Node:
    """XDP actions beyond the last are ABORTED (bpf_prog_run_xdp returns 32 bits)."""
    low = c.slice(result, 0, 32)
    known = c.ult(low, c.const(LAST_VERDICT + 1, 32))
    return c.mux(known, c.slice(low, 0, 3), c.const(ABORTED, 3))


def sort(graph: Graph) -> None:
    """Keep what outputs and sites need, in topological order with the sites in program order."""
    sites = sorted((n for n in graph.nodes if n.op == "site"), key=lambda n: n.attr.number)
    seen: set[Node] = set()
    ordered: list[Node] = []
    for root in (*sites, *graph.outputs.values()):
        stack: list[tuple[Node, bool]] = [(root, False)]
        while stack:
            node, done = stack.pop()
            if done:
                ordered.append(node)
                continue
            if node in seen:
                continue
            seen.add(node)
            stack.append((node, True))
            stack += [(a, False) for a in reversed(node.args) if a not in seen]
    for number, node in enumerate(ordered):
        node.id = number
    graph.nodes = ordered
