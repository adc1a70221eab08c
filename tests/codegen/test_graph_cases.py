"""The constants that a chosen number can be, and the conditions under which."""

from __future__ import annotations

from itertools import product

from hardpath.codegen.graph.cases import cases
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.graph.predicates import FALSE, TRUE, Predicates


def ladder(c: Construct, bits: list[Node]) -> Node:
    """A number that is chosen anew for each bit, from the two that were chosen before: 2**len(bits) ways."""
    one, other = c.const(5, 16), c.const(0x302, 16)
    for bit in bits:
        one, other = c.mux(bit, one, other), c.mux(bit, other, one)
    return one


def test_each_constant_is_chosen_exactly_when_the_conditions_say() -> None:
    c = Construct(Graph())
    p, bits = Predicates(c), [c.input(f"x{i}", 1) for i in range(4)]
    node = c.slice(c.zext(c.mux(bits[0], ladder(c, bits), c.const(0x202, 16)), 32), 0, 8)
    found = cases(p, node, p.of(bits[1]))
    assert found is not None and sorted(value for _, value in found) == [2, 5]
    for setting in product((0, 1), repeat=4):
        here = TRUE
        for bit, value in zip(bits, setting, strict=True):
            here = p.both(here, p.of(bit) if value else p.invert(p.of(bit)))
        number = 5 if setting.count(0) % 2 == 0 and setting[0] else 2
        assert [value for when, value in found if p.both(when, here) != FALSE] == [number] * setting[1]


def test_arms_that_muxes_share_are_looked_at_once() -> None:
    """Sixty choices, a billion billion ways through them."""
    c = Construct(Graph())
    p = Predicates(c)
    found = cases(p, ladder(c, [c.input(f"x{i}", 1) for i in range(60)]), TRUE)
    assert found is not None and {value for _, value in found} == {5, 0x302}


def test_a_number_that_is_computed_has_no_cases() -> None:
    c = Construct(Graph())
    p, x, bit = Predicates(c), c.input("x", 16), c.input("bit", 1)
    assert cases(p, c.mux(bit, c.const(1, 16), x), TRUE) is None
    assert cases(p, c.mux(bit, c.const(1, 16), x), p.of(bit)) == [(p.of(bit), 1)]
