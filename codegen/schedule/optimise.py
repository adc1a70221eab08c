"""Where nodes go within the fewest stages: least waiting for map entries first, then fewest register bits."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import permutations

from ..graph.ir import Node
from . import timing
from .differences import Differences
from .problem import Problem

STALL = 1e5
"""Register bits that one cycle of waiting for a map entry may cost."""


def optimise(problem: Problem) -> dict[Node, int] | None:
    """The issue stages with the least cost; None if the solver gave up."""
    program = Differences()
    variables = {node: program.variable(problem.earliest[node], problem.latest[node]) for node in problem.nodes}
    for (early, late), gap in problem.gaps.items():
        program.apart(variables[early], variables[late], gap)
    _add_waiting(program, variables, problem.ii)
    _add_registers(program, problem, variables)
    solution = program.solve()
    return None if solution is None else {node: solution[variable] for node, variable in variables.items()}


def _add_waiting(program: Differences, variables: dict[Node, int], ii: int) -> None:
    """A younger frame, ``ii`` stages behind an older one, waits as long as its access is ahead of the older one's.

    See "Two frames" in docs/architecture.md; a pure read sees a pure write at the same edge.
    """
    by_unit: dict[str, list[Node]] = {}
    for node in variables:
        if node.op == "site":
            by_unit.setdefault(node.attr.unit, []).append(node)
    for sites in by_unit.values():
        for early, late in permutations(sites, 2):
            x, y = early.attr.kind, late.attr.kind
            if x.conflicts(y):
                forwarded = not x.writes and not y.reads
                offset = y.touch[1] - x.touch[0] - (1 if forwarded else 0) - (ii - 1)
                program.span(variables[early], variables[late], offset, STALL)


def _add_registers(program: Differences, problem: Problem, variables: dict[Node, int]) -> None:
    """Every bit is kept from the stage where it appears to that of its last user."""
    end = program.variable(problem.stages - 1, problem.stages - 1)
    uses: dict[Node, list[tuple[int, int, int, int]]] = {}  # root -> (low, width, variable, stages behind it)
    for node, variable in variables.items():
        for position, arg in enumerate(node.args):
            held = timing.span(node) if node.op == "site" and position == 0 else 0
            for root, low, width in problem.origins.spans(arg):
                uses.setdefault(root, []).append((low, width, variable, held))
    for output in problem.graph.outputs.values():
        for root, low, width in problem.origins.spans(output):
            uses.setdefault(root, []).append((low, width, end, 0))
    for root, spans in uses.items():
        for width, users in _shares(spans):
            if len(users) == 1:
                ((last, _),) = users
            else:
                last = program.variable(0, problem.stages - 1)
                for user, held in users:
                    program.apart(user, last, held)
            program.cost(last, width)
            program.cost(variables[root], -width)


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
