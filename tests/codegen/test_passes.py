"""Passes: the graph stays legal and does the same; each pass does what its summary says."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node
from hardpath.codegen.graph.legal import check
from hardpath.codegen.passes import passes_for, run_passes
from hardpath.codegen.passes.literals import Literals
from hardpath.codegen.schedule import timing
from hardpath.codegen.schedule.timing import WIRING
from hardpath.hdl.maps.base import SiteKind
from hardpath.hdl.operators import OPERATORS
from hardpath.hdl.target import Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

VALUES = frozenset({"values"})
READ = SiteKind("read", (("address", 4),), (("row", 16),), 1, (0, 0), VALUES, frozenset())
WRITE = SiteKind("write", (("address", 4),), (), 0, (0, 0), frozenset(), VALUES)

STEPS = {f"{step.name}-{i}": step for i, step in enumerate(passes_for(Target(clock_mhz=200)))}


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(5, 100))
def test_every_pass_keeps_outputs_and_map_contents(
    random_graph: Callable[..., Graph],
    memories: Callable[[], Any],
    frame_inputs: Callable[..., dict[str, int]],
    seed: int,
    size: int,
) -> None:
    generator = random.Random(seed)
    graph = random_graph(generator, size)
    check(graph)
    frames = [frame_inputs(generator, graph) for _ in range(4)]

    def behaviour(g: Graph) -> tuple[list[dict[str, int]], Any]:
        toy = memories()
        return [toy.run(g, frame) for frame in frames], toy.contents()

    expected = behaviour(graph)
    for name, step in STEPS.items():
        graph = step.run(graph)
        check(graph)
        assert behaviour(graph) == expected, name


def construct(window: int = 64) -> tuple[Construct, Node]:
    c = Construct(Graph(window=window))
    return c, c.input("window", 8 * window)


def finished(c: Construct, redirect: Node) -> Graph:
    """The graph with one interesting output of up to 32 bits."""
    for name, width in {"verdict": 3, "start": 16, "length": 16, "limit": 16}.items():
        c.graph.outputs[name] = c.const(0, width)
    c.graph.outputs["redirect"] = c.resize(redirect, 32)
    c.graph.outputs["window"] = c.const(0, 8 * c.graph.window)
    return c.graph


def after(name: str, graph: Graph, clock_mhz: float = 125) -> Graph:
    """The graph after one pass by its name."""
    steps = {step.name: step for step in passes_for(Target(clock_mhz=clock_mhz))}
    return steps[name].run(graph)


def work(graph: Graph) -> Counter[str]:
    """(operator, width of its widest argument) of all logic."""
    wiring = {"const", "input", "site", *WIRING}
    return Counter(f"{n.op}{max(a.width for a in n.args)}" for n in graph.nodes if n.op not in wiring)


def test_a_sum_of_bytes_needs_nine_bits() -> None:
    c, window = construct()
    a, b = (c.zext(c.slice(window, low, 8), 64) for low in (0, 8))
    assert work(after("narrow", finished(c, c.add(a, b)))) == {"add9": 1}


def test_a_sum_of_which_one_byte_is_used_needs_eight_bits() -> None:
    c, window = construct()
    total = c.add(c.slice(window, 0, 64), c.slice(window, 64, 64))
    assert work(after("narrow", finished(c, c.slice(total, 0, 8)))) == {"add8": 1}


def test_low_zeros_pass_around_an_adder() -> None:
    c, window = construct()
    four_times = c.concat([c.const(0, 2), c.slice(window, 0, 30)])
    assert work(after("narrow", finished(c, c.add(four_times, c.slice(window, 64, 32))))) == {"add30": 1}


def test_sign_extended_numbers_compare_at_their_own_width() -> None:
    c, window = construct()
    a, b = (c.sext(c.slice(window, low, 16), 64) for low in (0, 16))
    assert work(after("narrow", finished(c, c.slt(a, b)))) == {"slt16": 1}
    assert work(after("narrow", finished(c, c.eq(a, b)))) == {"eq16": 1}


def test_a_signed_comparison_of_small_numbers_is_unsigned() -> None:
    c, window = construct()
    masked = c.and_(c.slice(window, 0, 64), c.const(0xFF0F, 64))
    assert work(after("narrow", finished(c, c.slt(masked, c.const(0x8000, 64))))) == {"not1": 1}
    assert work(after("narrow", finished(c, c.slt(masked, c.const(0x1234, 64))))) == {"ult14": 1}


def test_a_masked_shift_amount_loses_its_upper_bits() -> None:
    c, window = construct()
    amount = c.and_(c.slice(window, 64, 32), c.const(31, 32))
    graph = after("narrow", finished(c, c.op("lshr", 32, c.slice(window, 0, 32), amount)))
    (shift,) = (n for n in graph.nodes if n.op == "lshr")
    assert shift.args[1].width == 5


@pytest.mark.parametrize("clock_mhz", [20, 125])
@pytest.mark.parametrize("op", ["shl", "lshr", "ashr"])
def test_bits_of_a_shift_amount_that_are_known_cost_nothing(op: str, clock_mhz: float) -> None:
    c, window = construct()
    amount = c.concat([c.const(0, 4), c.slice(window, 64, 1), c.const(0, 3)])
    graph = finished(c, c.op(op, 32, c.slice(window, 0, 32), amount))
    small = after("expand", graph, clock_mhz)
    logic = [node for node in small.nodes if node.op not in {"const", "input", *WIRING}]
    assert sum(node.op == "mux" for node in logic) == 1
    assert all(node.args[1].op == "const" for node in logic if node.op == op)
    for bit in range(2):
        inputs = {"window": 0x8765_4321 | bit << 64}
        assert _outputs(small, inputs) == _outputs(graph, inputs)


@pytest.mark.parametrize("form", range(8))
def test_muxes_to_the_same_value_become_one(form: int) -> None:
    c, window = construct()
    s, t = c.slice(window, 0, 1), c.slice(window, 1, 1)
    a, b = c.slice(window, 32, 32), c.slice(window, 64, 32)
    inner = c.mux(t, a, b) if form & 1 else c.mux(t, b, a)
    outer = (a, b)[form >> 1 & 1]
    graph = finished(c, c.mux(s, inner, outer) if form & 4 else c.mux(s, outer, inner))
    small = after("share-arms", graph)
    assert work(small)["mux32"] == 1
    for bits in range(4):
        inputs = {"window": bits | 0xAAAA << 32 | 0xBBBB << 64}
        assert _outputs(small, inputs) == _outputs(graph, inputs)


def test_a_chain_of_muxes_becomes_a_shallow_tree_of_as_many() -> None:
    c, window = construct()
    result = c.slice(window, 0, 32)
    for i in range(1, 16):
        result = c.mux(c.slice(window, i, 1), c.slice(window, 16 * i, 32), result)
    graph = after("flatten-chains", finished(c, result))
    assert work(graph)["mux32"] == 15
    depth: dict[Node, int] = {}
    for node in graph.nodes:
        depth[node] = max((depth[a] for a in node.args), default=0) + (node.op == "mux")
    assert max(depth.values()) <= 5


@pytest.mark.parametrize("op", ["and", "or", "xor", "add"])
def test_a_late_value_has_a_short_way_through_a_chain(op: str) -> None:
    c, window = construct()
    late = c.op("mul", 32, c.slice(window, 0, 32), c.slice(window, 32, 32))
    result = late
    for i in range(2, 10):
        result = c.op(op, 32, result, c.slice(window, 32 * i, 32))
    graph = after("balance", finished(c, result))
    (product,) = (n for n in graph.nodes if n.op == "mul")
    (user,) = (n for n in graph.nodes if product in n.args)
    assert user is graph.outputs["redirect"]


def test_conditions_join_through_complements() -> None:
    c, window = construct()
    bits = [c.slice(window, i, 1) for i in range(8)]
    condition = bits[0]
    for bit in bits[1:]:
        condition = c.not_(c.or_(c.not_(condition), c.not_(bit)))
    graph = after("balance", finished(c, condition))
    assert work(graph)["and1"] + work(graph)["or1"] == 7
    depth: dict[Node, int] = {}
    for node in graph.nodes:
        depth[node] = max((depth[a] for a in node.args), default=0) + (node.op in ("and", "or"))
    assert max(depth.values()) == 3


@given(seed=st.integers(0, 2**32))
def test_conditions_stay_the_same_function(seed: int) -> None:
    generator = random.Random(seed)
    c, window = construct()
    values = [c.slice(window, i, 1) for i in range(5)]
    for _ in range(12):
        a, b = generator.choice(values), generator.choice(values[-4:])
        made = generator.choice([c.and_, c.or_, lambda x, y: c.not_(x)])(b, a)
        if generator.random() < 0.3:
            arms = [made, generator.choice([c.and_, c.or_])(made, a)]
            generator.shuffle(arms)
            made = c.mux(generator.choice(values), *arms)
        values.append(made)
    graph = finished(c, values[-1])
    for name in ("balance", "share-arms", "flatten-chains", "narrow"):
        small = after(name, graph)
        for bits in range(32):
            assert _outputs(small, {"window": bits}) == _outputs(graph, {"window": bits}), name


@given(seed=st.integers(0, 2**32))
def test_implied_literals_hold_wherever_the_predicate_does(seed: int) -> None:
    generator = random.Random(seed)
    c, window = construct()
    number = c.slice(window, 3, 2)
    values = [c.slice(window, i, 1) for i in range(3)] + [c.eq(number, c.const(i, 2)) for i in range(4)]
    for _ in range(10):
        a, b, s = (generator.choice(values) for _ in range(3))
        values.append(generator.choice([lambda x, y, s: c.mux(s, x, y), lambda x, y, s: c.not_(x)])(a, b, s))
        values.append(generator.choice([c.and_, c.or_])(values[-1], a))
    values = [value for value in values if value.op != "const"]
    literals = Literals(c.graph.nodes, values)
    truth: dict[Node, list[int]] = {}
    for n in c.graph.nodes:
        columns = list(zip(*(truth[a] for a in n.args), strict=True)) or [()] * 32
        if n.op in ("const", "input"):
            truth[n] = [n.attr] * 32 if n.op == "const" else list(range(32))
        else:
            widths = [a.width for a in n.args]
            truth[n] = [OPERATORS[n.op].evaluate(n.width, n.attr, widths, column) for column in columns]
    for p in values:
        for q, value in literals.of(p):
            assert all(truth[q][i] == value for i in range(32) if truth[p][i])
        for q in values:
            if literals.exclusive(p, q):
                assert not any(x and y for x, y in zip(truth[p], truth[q], strict=True))


@pytest.mark.parametrize("divisor", [1, 2, 3, 7, 10, 64, 641, 65535])
@pytest.mark.parametrize("op", ["udiv", "urem", "sdiv", "srem"])
def test_constant_divisors_leave_no_divider(op: str, divisor: int) -> None:
    c, window = construct()
    graph = finished(c, c.op(op, 16, c.slice(window, 0, 16), c.const(divisor, 16)))
    small = after("divisions", graph)
    assert not {"udiv", "urem", "sdiv", "srem"} & {n.op for n in small.nodes}
    for value in (0, 1, 5, 9, 10, 640, 641, 32767, 32768, 65534, 65535, *range(0, 65536, 677)):
        inputs = {"window": value}
        assert _outputs(small, inputs) == _outputs(graph, inputs)


def _outputs(graph: Graph, inputs: dict[str, int]) -> dict[str, int]:
    values: dict[Node, int] = {}
    for n in graph.nodes:
        if n.op in ("const", "input"):
            values[n] = n.attr if n.op == "const" else inputs[n.attr]
        else:
            operator = OPERATORS[n.op]
            values[n] = operator.evaluate(n.width, n.attr, [a.width for a in n.args], [values[a] for a in n.args])
    return {name: values[n] for name, n in graph.outputs.items()}


@pytest.mark.parametrize("mhz", [50.0, 125.0, 250.0, 350.0])
@pytest.mark.parametrize("op", ["udiv", "urem", "sdiv", "srem", "mul", "shl", "lshr", "ashr", "add", "sub"])
def test_nothing_is_longer_than_a_stage_after_all_passes(op: str, mhz: float) -> None:
    c, window = construct()
    target = Target(clock_mhz=mhz)
    graph = finished(c, c.slice(c.op(op, 64, c.slice(window, 0, 64), c.slice(window, 64, 64)), 32, 32))
    small = run_passes(graph, target, between=lambda name, g: check(g))
    # A product of 18 x 18 bits cannot be split; it fits the clocks that the fabric reaches.
    assert max(timing.need(n) for n in small.nodes if n.op != "mul" or mhz < 130) <= timing.budget(target)
    generator = random.Random(op)
    for _ in range(50):
        inputs = {"window": generator.getrandbits(64) >> generator.randrange(64) | generator.getrandbits(7) << 64}
        assert _outputs(small, inputs) == _outputs(graph, inputs)


def test_accesses_on_two_sides_of_a_branch_share_a_port() -> None:
    c, window = construct()
    tcp, udp = (c.eq(c.slice(window, 0, 8), c.const(protocol, 8)) for protocol in (6, 17))
    other = c.slice(window, 9, 1)
    rows = [c.site("m", READ, p, c.slice(window, low, 4)) for p, low in ((tcp, 64), (udp, 128), (other, 192))]
    for earlier, later in ((0, 1), (0, 2), (1, 2)):
        c.order(rows[earlier], rows[later], 1)
    graph = after("exclusive", finished(c, c.op("xor", 32, c.zext(rows[2], 32), c.concat([rows[0], rows[1]]))))
    check(graph)
    assert [n.attr.number for n in graph.nodes if n.op == "site"] == [0, 2]
    assert len(graph.order) == 1


def test_accesses_that_depend_on_each_other_do_not_share_a_port() -> None:
    c, window = construct()
    p = c.slice(window, 0, 1)
    first = c.site("m", READ, p, c.slice(window, 64, 4))
    second = c.site("m", READ, c.not_(p), c.slice(first, 0, 4))
    graph = after("exclusive", finished(c, second))
    assert len([n for n in graph.nodes if n.op == "site"]) == 2


def test_an_access_nobody_needs_is_dropped_and_order_runs_through_it() -> None:
    c, window = construct()
    p, address = c.slice(window, 0, 1), c.slice(window, 64, 4)
    first, unused, last = (c.site("m", kind, p, address) for kind in (WRITE, READ, WRITE))
    c.order(first, unused, 1)
    c.order(unused, last, 1)
    graph = after("share", finished(c, address))
    assert [n.attr.number for n in graph.nodes if n.op == "site"] == [0, 2]
    assert [(o.before.attr.number, o.after.attr.number) for o in graph.order] == [(0, 2)]


def test_passes_have_names_and_summaries() -> None:
    for step in passes_for(Target()):
        assert step.name and step.summary and "\n" not in step.summary
