"""Predicates are canonical and mean what the branch conditions say."""

from __future__ import annotations

from itertools import product

from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.graph.predicates import FALSE, TRUE, Predicates
from hypothesis import given
from hypothesis import strategies as st

VARIABLES = 4
formulas = st.recursive(
    st.integers(0, VARIABLES - 1),
    lambda inner: st.one_of(
        st.tuples(st.just("not"), inner), st.tuples(st.sampled_from(["and", "or"]), inner, inner)
    ),
    max_leaves=12,
)


class Setting:
    """Predicates over four one-bit inputs, with truth tables to compare with."""

    def __init__(self) -> None:
        self.c = Construct(Graph())
        self.p = Predicates(self.c)
        self.inputs = [self.c.input(f"x{i}", 1) for i in range(VARIABLES)]

    def predicate(self, formula) -> int:
        if isinstance(formula, int):
            return self.p.of(self.inputs[formula])
        if formula[0] == "not":
            return self.p.invert(self.predicate(formula[1]))
        a, b = map(self.predicate, formula[1:])
        return self.p.both(a, b) if formula[0] == "and" else self.p.either(a, b)


def truth(formula, values) -> bool:
    if isinstance(formula, int):
        return bool(values[formula])
    if formula[0] == "not":
        return not truth(formula[1], values)
    a, b = (truth(f, values) for f in formula[1:])
    return (a and b) if formula[0] == "and" else (a or b)


def node_value(node: Node, values) -> int:
    args = [node_value(a, values) for a in node.args]
    match node.op:
        case "const":
            return node.attr
        case "input":
            return values[int(node.attr[1:])]
        case "not":
            return 1 - args[0]
        case "and":
            return args[0] & args[1]
        case "or":
            return args[0] | args[1]
        case "mux":
            return args[1] if args[0] else args[2]
    raise AssertionError(node.op)


def table(formula) -> list[bool]:
    return [truth(formula, values) for values in product((0, 1), repeat=VARIABLES)]


@given(formulas, formulas)
def test_equal_functions_are_equal_predicates_and_nothing_else_is(f, g):
    s = Setting()
    assert (s.predicate(f) == s.predicate(g)) == (table(f) == table(g))


@given(formulas, formulas)
def test_exclusive_and_implies_agree_with_the_truth_table(f, g):
    s = Setting()
    a, b = s.predicate(f), s.predicate(g)
    assert s.p.exclusive(a, b) == (not any(x and y for x, y in zip(table(f), table(g), strict=True)))
    assert s.p.implies(a, b) == all(y for x, y in zip(table(f), table(g), strict=True) if x)


@given(formulas, formulas)
def test_given_agrees_with_the_predicate_wherever_the_care_set_holds(f, care):
    s = Setting()
    result = s.p.node(s.p.given(s.predicate(f), s.predicate(care)))
    for values in product((0, 1), repeat=VARIABLES):
        if truth(care, values):
            assert bool(node_value(result, values)) == truth(f, values)


@given(formulas)
def test_a_predicate_as_nodes_has_its_truth_table(f):
    s = Setting()
    node = s.p.node(s.predicate(f))
    assert [bool(node_value(node, v)) for v in product((0, 1), repeat=VARIABLES)] == table(f)


def test_a_predicate_that_grows_too_large_stays_exact():
    # x0&y0 | x1&y1 | ... in the worst variable order has exponentially many entries.
    c = Construct(Graph())
    p = Predicates(c)
    count = 10
    first = [c.input(f"x{i}", 1) for i in range(count)]
    second = [c.input(f"x{count + i}", 1) for i in range(count)]
    for x in (*first, *second):
        p.of(x)
    total = FALSE
    for x, y in zip(first, second, strict=True):
        total = p.either(total, p.both(p.of(x), p.of(y)))
    node = p.node(total)
    for picked in range(count):
        values = [0] * (2 * count)
        values[picked] = values[count + picked] = 1
        assert node_value(node, values) == 1
        values[count + picked] = 0
        assert node_value(node, values) == 0


def test_the_two_sides_of_a_branch_meet_in_the_path_before_it():
    s = Setting()
    path, condition = s.predicate(0), s.predicate(1)
    taken = s.p.both(path, condition)
    other = s.p.both(path, s.p.invert(condition))
    assert s.p.either(taken, other) == path
    assert s.p.both(taken, other) == FALSE
    assert s.p.given(taken, path) == condition
    assert s.p.either(path, s.p.invert(path)) == TRUE
