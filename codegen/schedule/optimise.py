"""Where nodes go within the fewest stages: least waiting for map entries first, then fewest register bits."""

from __future__ import annotations

from collections.abc import Iterable

from ...hdl.target import Target
from ..graph.ir import Graph, Node
from . import timing
from .bits import Origins
from .chains import too_long
from .differences import Differences

STALL = 1e5
"""Register bits that one cycle of waiting for a map entry may cost."""

LARGEST = 200_000
"""Constraints above which the program is not worth the solver's time."""


def optimise(graph: Graph, target: Target, earliest: list[int], stages: int) -> list[int] | None:
    """The issue stage of every node, or None if the problem is too large."""
    origins = Origins(graph)
    program = Differences()
    variables: dict[Node, int] = {}
    for node in graph.nodes:
        if node.op == "const" or node.op in timing.WIRING:
            continue
        latest = 0 if node.op == "input" else stages - 1 - timing.span(node)
        variables[node] = program.variable(earliest[node.id], latest)
    end = program.variable(stages - 1, stages - 1)
    for node, variable in variables.items():
        for arg in node.args:
            for root in origins.roots(arg):
                program.apart(variables[root], variable, timing.latency(root))
    for order in graph.order:
        program.apart(variables[order.before], variables[order.after], order.distance)
    for early, late in too_long(graph, origins, target):
        program.apart(variables[early], variables[late], 1 + timing.latency(early))
    _add_waiting(program, graph, variables)
    _add_registers(program, graph, origins, variables, end)
    if program.size[1] > LARGEST:
        return None
    solution = program.solve()
    if solution is None:
        return None
    return _with_wiring(graph, {node: solution[variable] for node, variable in variables.items()})


def _add_waiting(program: Differences, graph: Graph, variables: dict[Node, int]) -> None:
    """A younger frame waits for an older one as long as its access is ahead of the older one's.

    See "Two frames" in docs/architecture.md; a pure read sees a pure write at the same edge.
    """
    by_unit: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.op == "site":
            by_unit.setdefault(node.attr.unit, []).append(node)
    for sites in by_unit.values():
        for early in sites:
            for late in sites:
                x, y = early.attr.kind, late.attr.kind
                if early is not late and x.conflicts(y):
                    forwarded = not x.writes and not y.reads
                    offset = y.touch[1] - x.touch[0] - (1 if forwarded else 0)
                    program.span(variables[early], variables[late], offset, STALL)


def _add_registers(program: Differences, graph: Graph, origins: Origins, variables: dict[Node, int], end: int) -> None:
    """Every bit is kept from the stage where it appears to that of its last user."""
    uses: dict[Node, list[tuple[int, int, int, int]]] = {}  # root -> (low, width, variable, stages behind it)
    for node, variable in variables.items():
        for position, arg in enumerate(node.args):
            held = timing.span(node) if node.op == "site" and position == 0 else 0
            for root, low, width in origins.spans(arg):
                uses.setdefault(root, []).append((low, width, variable, held))
    for output in graph.outputs.values():
        for root, low, width in origins.spans(output):
            uses.setdefault(root, []).append((low, width, end, 0))
    for root, spans in uses.items():
        birth = variables[root]
        for width, users in _shares(spans):
            if len(users) == 1:
                ((user, _),) = users
                last = user
            else:
                last = program.variable(0, program.bounds(end)[1])
                for user, held in users:
                    program.apart(user, last, held)
            program.cost(last, width)
            program.cost(birth, -width)


def _shares(spans: list[tuple[int, int, int, int]]) -> Iterable[tuple[int, frozenset[tuple[int, int]]]]:
    """(number of bits, their users) for groups of bits that have the same users."""
    edges = sorted({edge for low, width, _, _ in spans for edge in (low, low + width)})
    index = {edge: i for i, edge in enumerate(edges)}
    users: list[set[tuple[int, int]]] = [set() for _ in edges]
    for low, width, user, held in spans:
        for i in range(index[low], index[low + width]):
            users[i].add((user, held))
    bits: dict[frozenset[tuple[int, int]], int] = {}
    for i, group in enumerate(users[:-1]):
        if group:
            key = frozenset(group)
            bits[key] = bits.get(key, 0) + edges[i + 1] - edges[i]
    return [(width, group) for group, width in bits.items()]


def _with_wiring(graph: Graph, stage: dict[Node, int]) -> list[int]:
    """Wiring lies where all of its bits exist."""
    issue = [0] * len(graph.nodes)
    ready = [0] * len(graph.nodes)
    for node in graph.nodes:
        issue[node.id] = stage.get(node, max((ready[arg.id] for arg in node.args), default=0))
        ready[node.id] = issue[node.id] + timing.latency(node)
    return issue
