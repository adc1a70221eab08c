"""Local identities keep the value of every expression."""

from __future__ import annotations

import random

import pytest
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.hdl.operators import OPERATORS


class Plain(Construct):
    """Construction without identities: the meaning to compare with."""

    def op(self, name: str, width: int, *args: Node, attr=None) -> Node:
        return self._make(name, width, args, attr)


def value(node: Node, inputs: dict[str, int], memo: dict[int, int]) -> int:
    if id(node) not in memo:
        if node.op == "const":
            memo[id(node)] = node.attr
        elif node.op == "input":
            memo[id(node)] = inputs[node.attr]
        else:
            args = [value(a, inputs, memo) for a in node.args]
            operator = OPERATORS[node.op]
            operator.check(node.width, [a.width for a in node.args], node.attr)
            memo[id(node)] = operator.evaluate(node.width, node.attr, [a.width for a in node.args], args)
    return memo[id(node)]


INPUTS = {"a": 8, "b": 16, "c": 32, "d": 64, "e": 1, "f": 1}


def expression(c: Construct, rng: random.Random, depth: int, width: int) -> Node:
    """A random expression; the same rng gives the same one whatever ``c`` simplifies."""
    if depth == 0 or width == 0:
        if rng.random() < 0.35:
            return c.const(rng.choice([0, 1, -1, rng.getrandbits(width)]), width)
        return sized(c, c.input(*(item := rng.choice(list(INPUTS.items())))), width, item[1])
    kind = rng.choice(["binary", "binary", "mux", "slice", "concat", "extend", "shift", "compare", "not"])
    if kind == "binary":
        name = rng.choice(["add", "sub", "and", "or", "xor"])
        return c.op(name, width, expression(c, rng, depth - 1, width), expression(c, rng, depth - 1, width))
    if kind == "mux":
        return c.op("mux", width, *(expression(c, rng, depth - 1, w) for w in (1, width, width)))
    if kind == "slice":
        more = rng.randint(0, 24)
        return c.op("slice", width, expression(c, rng, depth - 1, width + more), attr=rng.randint(0, more))
    if kind == "concat" and width > 1:
        cut = rng.randint(1, width - 1)
        return c.op("concat", width, expression(c, rng, depth - 1, cut), expression(c, rng, depth - 1, width - cut))
    if kind == "extend" and width > 1:
        return c.op(rng.choice(["zext", "sext"]), width, expression(c, rng, depth - 1, rng.randint(1, width - 1)))
    if kind == "shift":
        name, x = rng.choice(["shl", "lshr", "ashr"]), expression(c, rng, depth - 1, width)
        return c.op(name, width, x, expression(c, rng, depth - 1, 7))
    if kind == "compare" and width == 1:
        size = rng.choice([1, 8, 33])
        name = rng.choice(["eq", "ult", "slt"])
        return c.op(name, 1, expression(c, rng, depth - 1, size), expression(c, rng, depth - 1, size))
    return c.op("not", width, expression(c, rng, depth - 1, width))


def sized(c: Construct, node: Node, width: int, have: int) -> Node:
    if have > width:
        return c.op("slice", width, node, attr=0)
    return node if have == width else c.op("zext", width, node)


@pytest.mark.parametrize("block", range(8))
def test_simplified_expressions_have_the_value_of_plain_ones(block):
    for number in range(250):
        seed = block * 1000 + number
        rng = random.Random(seed)
        width = rng.choice([1, 1, 5, 8, 16, 32, 64])
        state = rng.getstate()
        plain = expression(Plain(Graph()), rng, 5, width)
        rng.setstate(state)
        simple = expression(Construct(Graph()), rng, 5, width)
        assert simple.width == width
        for _ in range(6):
            inputs = {n: rng.choice([0, (1 << w) - 1, rng.getrandbits(w)]) for n, w in INPUTS.items()}
            assert value(simple, inputs, {}) == value(plain, inputs, {}), f"seed {seed}: {simple}"


def test_bytes_loaded_one_by_one_are_one_slice():
    c = Construct(Graph())
    window = c.input("window", 512)
    whole = c.concat([c.slice(window, 96 + 8 * i, 8) for i in range(8)])
    assert (whole.op, whole.width, whole.attr, whole.args[0]) == ("slice", 64, 96, window)


def test_equal_expressions_are_one_node():
    c = Construct(Graph())
    a, b = c.input("a", 8), c.input("b", 8)
    assert c.add(a, b) is c.add(b, a)
