"""Known and demanded bits, one operator at a time: what they promise holds for every value."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.passes.demanded import demanded_bits
from hardpath.codegen.passes.known import Bits, known_bits
from hardpath.hdl.operators import OPERATORS
from hypothesis import given
from hypothesis import strategies as st


def shape(generator: random.Random, name: str) -> tuple[int, list[int], Any]:
    """(width, argument widths, attr) of some legal operation."""
    width = generator.choice([1, 2, 4, 7])
    if name in ("eq", "ult", "slt"):
        return 1, [width, width], None
    if name == "mux":
        return width, [1, width, width], None
    if name == "not":
        return width, [width], None
    if name in ("shl", "lshr", "ashr"):
        return width, [width, generator.choice([1, 2, 4])], None
    if name == "concat":
        return width + 3, [width, 3], None
    if name == "slice":
        low = generator.randrange(4)
        return width, [width + low + generator.randrange(3)], low
    if name in ("zext", "sext"):
        return width + generator.randrange(4), [width], None
    if name == "mul":
        return width + 2, [width, width + 1], None
    return width, [width, width], None


def nodes_of(generator: random.Random, name: str) -> tuple[Graph, Node, list[Node]]:
    """One operation on arguments of which some bits are constants."""
    width, arg_widths, attr = shape(generator, name)
    graph = Graph()

    def add(op: str, width: int, *args: Node, attr: Any = None) -> Node:
        node = Node(len(graph.nodes), op, width, args, attr, None)
        graph.nodes.append(node)
        return node

    args = []
    for i, arg_width in enumerate(arg_widths):
        bits = []
        for j in range(arg_width):
            known = generator.random() < 0.4
            bits.append(add("const", 1, attr=generator.getrandbits(1)) if known else add("input", 1, attr=f"{i}.{j}"))
        args.append(add("concat", arg_width, *bits))
    return graph, add(name, width, *args, attr=attr), args


def values_of(generator: random.Random, args: list[Node]) -> list[int]:
    """Values that the arguments can have."""
    return [
        sum((bit.attr if bit.op == "const" else generator.getrandbits(1)) << i for i, bit in enumerate(arg.args))
        for arg in args
    ]


def evaluate(node: Node, values: list[int]) -> int:
    return OPERATORS[node.op].evaluate(node.width, node.attr, [a.width for a in node.args], values)


@pytest.mark.parametrize("name", OPERATORS)
@given(seed=st.integers(0, 2**32))
def test_known_bits_are_those_of_every_result(name: str, seed: int) -> None:
    generator = random.Random(seed)
    graph, node, args = nodes_of(generator, name)
    facts = known_bits(graph.nodes)
    assert facts[args[0]] == Bits(
        sum(bit.attr << i for i, bit in enumerate(args[0].args) if bit.op == "const"),
        sum(1 << i for i, bit in enumerate(args[0].args) if bit.op == "input"),
    )
    for _ in range(20):
        result = evaluate(node, values_of(generator, args))
        assert result & ~facts[node].unknown == facts[node].value


@pytest.mark.parametrize("name", OPERATORS)
@given(seed=st.integers(0, 2**32))
def test_bits_that_are_not_demanded_do_not_change_those_that_are(name: str, seed: int) -> None:
    generator = random.Random(seed)
    graph, node, args = nodes_of(generator, name)
    mask = generator.getrandbits(node.width) & generator.choice([-1, generator.getrandbits(node.width)])
    # A slice of each run of demanded bits stands for whoever demands them.
    for low in (i for i in range(node.width) if mask >> i & 1):
        bit = Node(len(graph.nodes), "slice", 1, (node,), low, None)
        graph.nodes.append(bit)
        graph.outputs[f"{low}"] = bit
    demanded = demanded_bits(graph, graph.nodes, known_bits(graph.nodes))
    assert demanded[node] == mask
    for _ in range(20):
        values = values_of(generator, args)
        changed = [
            value ^ (generator.getrandbits(arg.width) & ~demanded[arg]) for arg, value in zip(args, values, strict=True)
        ]
        assert (evaluate(node, values) ^ evaluate(node, changed)) & mask == 0
