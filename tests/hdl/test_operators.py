"""Operators: the Amaranth hardware computes what `evaluate` says, and both say what RFC 9669 says."""

from __future__ import annotations

import random
from typing import Any

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator
from hardpath.codegen.graph import Evaluator, Graph, Node
from hardpath.hdl.operators import OPERATORS, signed
from hypothesis import given
from hypothesis import strategies as st

BINARY = ["add", "sub", "mul", "and", "or", "xor", "udiv", "urem", "sdiv", "srem"]
COMPARE = ["eq", "ult", "slt"]
SHIFT = ["shl", "lshr", "ashr"]
INTERESTING = [1, 2, 3, 7, 8, 16, 33, 64]


def shapes(name: str) -> list[tuple[int, list[int], Any]]:
    """(width, argument widths, attr) of legal operations."""
    if name in BINARY:
        return [(w, [w, w], None) for w in INTERESTING]
    if name == "not":
        return [(w, [w], None) for w in INTERESTING]
    if name in COMPARE:
        return [(1, [w, w], None) for w in INTERESTING]
    if name in SHIFT:
        return [(w, [w, a], None) for w in INTERESTING for a in (1, 3, 6, 16)]
    if name == "mux":
        return [(w, [1, w, w], None) for w in INTERESTING]
    if name == "slice":
        return [(w, [w + low + 2], low) for w in INTERESTING for low in (0, 5)]
    if name == "concat":
        return [(12, [3, 8, 1], None), (5, [5], None), (64, [8] * 8, None)]
    assert name in ("zext", "sext")
    return [(w + more, [w], None) for w in INTERESTING for more in (0, 1, 20)]


def samples(generator: random.Random, width: int) -> int:
    top = (1 << width) - 1
    corners = [0, 1, top, 1 << (width - 1), (1 << (width - 1)) - 1, generator.randrange(min(top, 70) + 1)]
    return generator.choice(
        [*(c & top for c in corners), generator.getrandbits(width), generator.getrandbits(width)]
    )


@pytest.mark.parametrize("name", OPERATORS)
def test_graphs_compute_what_evaluate_says(name: str) -> None:
    generator, graph = random.Random(name), Graph()

    def node(op: str, width: int, args: tuple[Node, ...], attr: Any) -> Node:
        graph.nodes.append(Node(len(graph.nodes), op, width, args, attr, None))
        return graph.nodes[-1]

    for width, arg_widths, attr in shapes(name):
        args = [node("input", w, (), f"{len(graph.outputs)}.{i}") for i, w in enumerate(arg_widths)]
        graph.outputs[str(len(graph.outputs))] = node(name, width, tuple(args), attr)
    evaluator = Evaluator(graph, {})
    for _ in range(60):
        inputs = {n.attr: samples(generator, n.width) for n in graph.nodes if n.op == "input"}
        expected = {
            number: OPERATORS[name].evaluate(
                out.width, out.attr, [arg.width for arg in out.args], [inputs[arg.attr] for arg in out.args]
            )
            for number, out in graph.outputs.items()
        }
        assert evaluator.outputs(inputs) == expected


@pytest.mark.parametrize("name", OPERATORS)
def test_hardware_computes_what_evaluate_says(name: str) -> None:
    operator = OPERATORS[name]
    generator = random.Random(name)
    m = Module()
    cases = []
    for width, arg_widths, attr in shapes(name):
        operator.check(width, arg_widths, attr)
        args = [Signal(w) for w in arg_widths]
        value = operator.build(m, width, attr, args)
        assert len(value) == width
        result = Signal(width)
        m.d.comb += result.eq(value)
        cases.append((width, arg_widths, attr, args, result))

    async def bench(ctx: Any) -> None:
        for _ in range(60):
            expected = []
            for width, arg_widths, attr, args, _ in cases:
                values = [samples(generator, w) for w in arg_widths]
                for arg, value in zip(args, values, strict=True):
                    ctx.set(arg, value)
                expected.append((operator.evaluate(width, attr, arg_widths, values), values))
            await ctx.delay(1e-6)
            for (width, arg_widths, attr, _, result), (value, values) in zip(cases, expected, strict=True):
                assert ctx.get(result) == value, (name, width, arg_widths, attr, values)

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()


@given(st.data(), st.sampled_from(list(OPERATORS)))
def test_results_fit_their_width(data: st.DataObject, name: str) -> None:
    width, arg_widths, attr = data.draw(st.sampled_from(shapes(name)))
    args = [data.draw(st.integers(0, (1 << w) - 1)) for w in arg_widths]
    assert 0 <= OPERATORS[name].evaluate(width, attr, arg_widths, args) < 1 << width


@pytest.mark.parametrize("name", OPERATORS)
def test_delays_are_finite_and_do_not_fall_with_the_width(name: str) -> None:
    by_shape = [
        (max(arg_widths), OPERATORS[name].delay(width, arg_widths, attr, [None] * len(arg_widths)))
        for width, arg_widths, attr in shapes(name)
        if name not in SHIFT or arg_widths[1] == 16
    ]
    ordered = [delay for _, delay in sorted(by_shape)]
    assert ordered == sorted(ordered)
    assert ordered[0] >= 0 and ordered[-1] < 1000


@given(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1))
def test_quotient_and_remainder_make_up_the_dividend(a: int, b: int) -> None:
    def run(name: str) -> int:
        return OPERATORS[name].evaluate(64, None, [64, 64], [a, b])

    assert run("udiv") * b + run("urem") == a
    assert (run("sdiv") * b + run("srem") - a) % (1 << 64) == 0
    remainder = signed(run("srem"), 64)
    assert abs(remainder) < abs(signed(b, 64)) and (remainder == 0 or (remainder < 0) == (signed(a, 64) < 0))


@pytest.mark.parametrize("width", [8, 32, 64])
def test_division_corner_cases_are_those_of_rfc_9669(width: int) -> None:
    minimum, minus_one = 1 << (width - 1), (1 << width) - 1

    def run(name: str, a: int, b: int) -> int:
        return OPERATORS[name].evaluate(width, None, [width, width], [a, b])

    assert run("udiv", 7, 0) == run("sdiv", 7, 0) == 0
    assert run("urem", 7, 0) == run("srem", 7, 0) == 7
    assert run("sdiv", minimum, minus_one) == minimum
    assert run("srem", minimum, minus_one) == 0
    assert run("srem", minus_one, 2) == minus_one


@pytest.mark.parametrize(
    ("name", "width", "arg_widths", "attr"),
    [
        ("add", 8, [8, 7], None),
        ("add", 8, [8], None),
        ("eq", 2, [8, 8], None),
        ("ult", 1, [8, 9], None),
        ("mux", 8, [2, 8, 8], None),
        ("slice", 4, [8], 5),
        ("slice", 4, [8], -1),
        ("slice", 4, [8], None),
        ("concat", 9, [4, 4], None),
        ("zext", 4, [8], None),
        ("shl", 8, [9, 3], None),
        ("mul", 8, [9, 3], None),
        ("not", 0, [0], None),
    ],
)
def test_illegal_widths_are_rejected(name: str, width: int, arg_widths: list[int], attr: Any) -> None:
    with pytest.raises(ValueError, match=name):
        OPERATORS[name].check(width, arg_widths, attr)
