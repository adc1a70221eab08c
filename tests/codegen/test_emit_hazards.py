"""What an interlock believes about an older frame is never less than the truth."""

from __future__ import annotations

import random
import sys
from collections.abc import Mapping

import pytest
from hardpath.codegen.emit.hazards import Bound, Bounds, hazards
from hardpath.codegen.emit.wires import Wires
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.schedule.plan import Schedule
from hardpath.hdl.maps.base import SiteKind
from hardpath.hdl.operators import OPERATORS
from hypothesis import given
from hypothesis import strategies as st

LEAVES = 6


def random_predicate(rng: random.Random) -> tuple[Graph, Node, list[int]]:
    """A formula over bits that exist in stages 0 .. 5, each operator in the stage of its latest argument."""
    graph = Graph()
    c = Construct(graph)
    bits = [c.input(f"bit{i}", 1) for i in range(LEAVES)]
    stage = {bit: rng.randrange(6) for bit in bits}
    for _ in range(rng.randrange(1, 25)):
        args = rng.choices(bits[-8:], k=3)
        kind = rng.choice(("and", "or", "xor", "not", "mux"))
        node = c.op(kind, 1, *args[: {"not": 1, "mux": 3}.get(kind, 2)])
        bits.append(node)
    stages = []
    for node in graph.nodes:
        stages.append(max([stage.get(node, 0), *(stages[arg.id] for arg in node.args)]))
    return graph, bits[-1], stages


def holds(bound: Bound, values: Mapping[Node, int]) -> bool:
    """A bound's value."""
    if bound.node is not None:
        return bool(values[bound.node]) != (bound.op == "not")
    if bound.parts:
        return (all if bound.op == "and" else any)(holds(part, values) for part in bound.parts)
    return bound.op == "any"


@given(st.integers(0, 2**32), st.lists(st.integers(0, 1), min_size=LEAVES, max_size=LEAVES))
def test_bounds_hold_whenever_the_predicate_comes_true_and_use_what_exists(seed: int, leaves: list[int]) -> None:
    graph, predicate, stages = random_predicate(random.Random(seed))
    values: dict[Node, int] = {}
    for node in graph.nodes:
        if node.op == "input":
            values[node] = leaves[int(node.attr[-1])]
        elif node.op == "const":
            values[node] = node.attr
        else:
            args = [values[arg] for arg in node.args]
            values[node] = OPERATORS[node.op].evaluate(1, None, [1] * len(args), args)
    bounds = Bounds(Wires(graph, Schedule(7, tuple(stages))))
    for stage in range(7):
        bound = bounds.possibly(predicate, stage)
        assert all(stages[node.id] <= stage for node in bound.nodes())
        assert holds(bound, values) or not values[predicate]
        if stages[predicate.id] <= stage:
            assert holds(bound, values) == bool(values[predicate])


def test_what_is_known_early_lets_a_frame_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """One false conjunct is enough, however late the others come."""
    graph = Graph()
    c = Construct(graph)
    early, late = c.input("early", 1), c.input("late", 1)
    both = c.and_(early, late)
    neither = c.not_(both)
    bounds = Bounds(Wires(graph, Schedule(4, (0, 3, 3, 3))))
    assert bounds.possibly(both, 1) == Bound("value", early)
    assert bounds.possibly(neither, 1).op == "any"
    monkeypatch.setattr(sys.modules[Bounds.__module__], "_MOST_WORK", 0)  # then only what is known counts
    bounds = Bounds(Wires(graph, Schedule(4, (0, 3, 3, 3))))
    assert bounds.possibly(both, 1).op == "any"
    assert bounds.possibly(both, 3) == Bound("value", both)


@pytest.mark.parametrize(
    ("early", "late", "apart", "window"),
    [
        ("r", "w", 1, 0),  # the memory's port forwards
        ("r", "w", 3, 2),
        ("w", "r", 3, 3),
        ("w", "w", 3, 3),
        ("r", "r", 3, 0),
        ("rw", "rw", 3, 3),
        ("r", "rw", 3, 3),  # a pop, say: nobody forwards what it leaves
        ("rw", "r", 3, 3),
        ("w", "rw", 3, 3),
    ],
)
def test_windows_are_as_long_as_frames_could_swap(early: str, late: str, apart: int, window: int) -> None:
    part = frozenset({"rows"})
    graph = Graph()
    c = Construct(graph)
    one = c.const(1, 1)
    for kind in (early, late):
        reads, writes = (("r" in kind and part) or frozenset()), (("w" in kind and part) or frozenset())
        c.site("m", SiteKind(kind, (("tag", 1),), (), 0, (0, 0), reads, writes), one, one)
    for ii in range(1, 6):
        found = hazards(graph, Schedule(8, (0, 2, 2 + apart), ii=ii))
        assert sum(hazard.cost for hazard in found) == max(0, window - (ii - 1))
        assert all(hazard.stage == 2 and hazard.window[0] == 2 + ii for hazard in found)
