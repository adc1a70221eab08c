"""Scheduling: legal, as short as can be, reads close to their writes, few registers."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph, Node, Site
from hardpath.codegen.passes import run_passes
from hardpath.codegen.schedule import Schedule, ScheduleError, check, report, schedule, timing
from hardpath.codegen.schedule.asap import asap
from hardpath.codegen.schedule.report import register_bits
from hardpath.hdl.maps.base import SiteKind
from hardpath.hdl.target import Target
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

TARGET = Target()
VALUES = frozenset({"values"})
READ = SiteKind("read", (("tag", 8),), (("row", 32),), 1, (0, 0), VALUES, frozenset(), delay_out=4.0)
WRITE = SiteKind("write", (("tag", 8), ("row", 32)), (), 0, (0, 0), frozenset(), VALUES, delay_in=0.5)


def construct(window: int = 64) -> tuple[Construct, Node]:
    c = Construct(Graph(window=window))
    return c, c.input("window", 8 * window)


def finished(c: Construct, verdict: Node | None = None) -> Graph:
    for name, width in {"verdict": 3, "redirect": 32, "start": 16, "length": 16, "limit": 16}.items():
        c.graph.outputs[name] = c.const(0, width)
    c.graph.outputs["window"] = c.const(0, 8 * c.graph.window)
    if verdict is not None:
        c.graph.outputs["verdict"] = c.resize(verdict, 3)
    return c.graph


def adder_chain(c: Construct, x: Node, length: int) -> Node:
    for i in range(length):
        x = c.op("add", x.width, x, c.op("xor", x.width, x, c.const(i + 3, x.width)))
    return x


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32),
    size=st.integers(5, 60),
    mhz=st.sampled_from([60.0, 125.0, 250.0, 400.0]),
)
def test_schedules_of_random_graphs_pass_the_checker(
    random_graph: Callable[..., Graph], seed: int, size: int, mhz: float
) -> None:
    target = Target(clock_mhz=mhz)
    graph = random_graph(random.Random(seed), size)
    for each in (graph, run_passes(graph, target)):
        plan = schedule(each, target)
        check(each, plan, target)
        assert plan.stages == asap(each, target).stages
        assert register_bits(each, plan)[-1] == 0
        check(each, schedule(each, target, largest=0), target)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 2**32), size=st.integers(10, 60), data=st.data())
def test_the_checker_finds_every_node_that_is_moved_too_early_or_late(
    random_graph: Callable[..., Graph], seed: int, size: int, data: Any
) -> None:
    graph = random_graph(random.Random(seed), size)
    plan = schedule(graph, TARGET)
    movable = [n for n in graph.nodes if n.op not in ("const", "input")]
    assume(movable)
    node = data.draw(st.sampled_from(movable))
    for stage in range(-1, plan.stages + 1):
        moved = replace(plan, stage=tuple(stage if i == node.id else s for i, s in enumerate(plan.stage)))
        assert _works(graph, moved) == _passes(graph, moved)


def _passes(graph: Graph, plan: Schedule) -> bool:
    try:
        check(graph, plan, TARGET)
    except ScheduleError:
        return False
    return True


def _works(graph: Graph, plan: Schedule) -> bool:
    """The contract, written down a second time and slowly: longest paths by recursion, no clamping."""
    limit = timing.budget(TARGET) + timing.SLACK
    last = plan.stages - 1
    longest: dict[Node, float] = {}
    for node in graph.nodes:
        issue = plan.stage[node.id]
        if issue < 0 or issue + timing.span(node) > last or any(plan.ready(a) > issue for a in node.args):
            return False
        if node.op in ("const", "input") and issue:
            return False
        starts = [longest[a] if plan.ready(a) == issue and a.op != "const" else 0.0 for a in node.args]
        ends = [start + need for start, need in zip(starts, timing.needs(node), strict=True)]
        listed = (node.id, timing.need(node)) in plan.overruns
        if any(e > limit and (s > timing.SLACK or not listed) for s, e in zip(starts, ends, strict=True)):
            return False
        path = max(ends, default=0.0)
        longest[node] = min(limit, timing.behind(node) if timing.latency(node) else path)
    apart = all(plan.issue(o.after) - plan.issue(o.before) >= o.distance for o in graph.order)
    return apart and all(plan.ready(n) <= last for n in graph.outputs.values())


def small_graph(generator: random.Random) -> Graph:
    """Five operations of different widths in a row or side by side."""
    c, window = construct()
    values = [c.slice(window, 64 * i, width) for i, width in enumerate((4, 16, 32))]
    for _ in range(5):
        width = generator.choice([2, 8, 32])
        args = [c.resize(generator.choice(values[-4:]), width) for _ in range(2)]
        values.append(c.op(generator.choice(["add", "xor", "mul"]), width, *args))
    graph = finished(c, values[-1])
    graph.outputs["redirect"] = c.resize(values[-2], 32)
    return run_passes(graph, Target(clock_mhz=140))


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_no_schedule_of_a_small_graph_has_fewer_register_bits(seed: int) -> None:
    target = Target(clock_mhz=140)
    graph = small_graph(random.Random(seed))
    plan = schedule(graph, target)
    movable = [n for n in graph.nodes if n.op not in ("const", "input") and n.op not in timing.WIRING]
    assume(plan.stages ** len(movable) <= 2000)
    best = sum(register_bits(graph, plan))
    for places in product(range(plan.stages), repeat=len(movable)):
        stage = list(plan.stage)
        for node, place in zip(movable, places, strict=True):
            stage[node.id] = place
        for node in graph.nodes:
            if node.op in timing.WIRING:
                stage[node.id] = max(stage[a.id] for a in node.args)
        other = replace(plan, stage=tuple(stage))
        try:
            check(graph, other, target)
        except ScheduleError:
            continue
        assert sum(register_bits(graph, other)) >= best


def test_operations_chain_until_the_period_is_full() -> None:
    c, window = construct()
    graph = finished(c, adder_chain(c, c.slice(window, 0, 32), 6))
    slow, fast = Target(clock_mhz=20), Target(clock_mhz=200)
    assert schedule(graph, slow).stages == 1
    plan = schedule(graph, fast)
    assert plan.stages > 3
    assert all(stage.ns <= timing.budget(fast) for stage in report(graph, plan, fast).stages)


def test_a_read_waits_for_its_write_although_its_address_is_known_early() -> None:
    c, window = construct()
    tag, yes = c.slice(window, 0, 8), c.slice(window, 100, 1)
    late = adder_chain(c, c.slice(window, 200, 32), 20)
    read = c.site("m", READ, yes, tag)
    write = c.site("m", WRITE, yes, tag, c.add(c.field(read, "row"), late))
    c.order(read, write, 1)
    plan = schedule(finished(c), TARGET)
    assert plan.issue(read) == plan.issue(write) - 2 and plan.issue(read) > 3


def test_a_read_waits_for_its_write_although_keeping_the_row_would_take_fewer_bits() -> None:
    c, window = construct()
    tag, yes = c.op("mul", 8, c.slice(window, 0, 8), c.slice(window, 8, 8)), c.slice(window, 100, 1)
    late = adder_chain(c, c.slice(window, 200, 32), 20)
    flag = replace(READ, results=(("row", 1),))
    read = c.site("m", flag, yes, tag)
    row = c.add(late, c.zext(read, 32))
    write = c.site("m", replace(WRITE, operands=(("tag", 1), ("row", 32))), yes, c.slice(window, 101, 1), row)
    c.order(read, write, 1)
    plan = schedule(finished(c), TARGET)
    assert plan.issue(read) == plan.issue(write) - 2
    c.graph.order.clear()
    other = replace(READ, writes=frozenset({"unrelated"}), reads=frozenset())
    read.attr = Site("m", replace(other, results=flag.results), read.attr.number)
    assert schedule(c.graph, TARGET).issue(read) < plan.issue(read)


def test_a_value_wider_than_what_it_is_made_from_is_made_late() -> None:
    c, window = construct()
    narrow = c.op("xor", 4, c.slice(window, 0, 4), c.slice(window, 4, 4))
    wide = c.op("shl", 32, c.zext(narrow, 32), narrow)
    verdict = c.op("xor", 32, wide, adder_chain(c, c.slice(window, 64, 32), 20))
    plan = schedule(finished(c, verdict), TARGET)
    assert plan.issue(wide) >= plan.stages - 2
    assert plan.issue(narrow) == 0


def test_a_counter_writes_in_the_stage_behind_its_read() -> None:
    c, window = construct()
    tag, yes = c.slice(window, 0, 8), c.slice(window, 100, 1)
    read = c.site("m", replace(READ, delay_out=2.0), yes, tag)
    write = c.site("m", WRITE, yes, tag, c.add(c.field(read, "row"), c.const(1, 32)))
    c.order(read, write, 1)
    plan = schedule(finished(c, adder_chain(c, c.slice(window, 0, 32), 20)), TARGET)
    assert plan.issue(write) == plan.issue(read) + 1


def test_only_the_bits_of_the_window_that_are_still_needed_are_kept() -> None:
    c, window = construct()
    verdict = adder_chain(c, c.slice(window, 0, 32), 20)
    last = c.op("xor", 3, c.slice(window, 400, 3), c.slice(verdict, 0, 3))
    graph = finished(c, last)
    plan = schedule(graph, TARGET)
    bits = register_bits(graph, plan)
    assert plan.stages > 5
    # One running sum (32 bits, or 64 where it is cut between xor and add) and the three late bits.
    assert max(bits) <= 64 + 3 and min(bits[:-1]) >= 3 + 3


def test_the_line_that_switches_a_wide_mux_takes_longer_than_its_data() -> None:
    c, window = construct()
    chosen = c.mux(c.slice(window, 0, 1), c.slice(window, 0, 256), c.slice(window, 256, 256))
    total = c.add(c.slice(chosen, 0, 16), c.slice(chosen, 16, 16))
    graph = finished(c, total)
    select, data, _ = timing.needs(chosen)
    assert select > data
    for ns in (data, (data + select) / 2, select):
        target = Target(clock_mhz=1000 / (ns + timing.need(total) + 0.01), margin=1.0)
        assert schedule(graph, target).stages == (1 if ns == select else 2)


def test_copies_of_a_sign_keep_one_bit() -> None:
    c, window = construct()
    high = c.slice(c.sext(c.slice(window, 0, 16), 64), 32, 32)
    graph = finished(c, c.op("xor", 32, high, adder_chain(c, c.slice(window, 64, 32), 20)))
    plan = schedule(graph, TARGET)
    bits = register_bits(graph, plan)
    assert plan.stages > 5 and min(bits[:-1]) > 32 and max(bits) <= 64 + 1


def test_a_predicate_is_kept_while_its_site_touches_the_map() -> None:
    c, window = construct()
    update = replace(WRITE, touch=(0, 3))
    c.site("m", update, c.slice(window, 0, 1), c.slice(window, 8, 8), c.slice(window, 32, 32))
    graph = finished(c)
    plan = schedule(graph, TARGET)
    assert plan.stages == 4
    assert register_bits(graph, plan) == [1, 1, 1, 0]


def test_an_operator_longer_than_the_period_gets_a_stage_and_is_reported() -> None:
    c, window = construct()
    quotient = c.op("udiv", 16, c.slice(window, 0, 16), c.slice(window, 16, 16))
    graph = finished(c, c.op("add", 16, quotient, c.slice(window, 40, 16)))
    plan = schedule(graph, TARGET)
    assert [node for node, _ in plan.overruns] == [quotient.id]
    assert "too long for one stage" in str(report(graph, plan, TARGET))
    assert not schedule(run_passes(graph, TARGET), TARGET).overruns


def test_the_checker_wants_overruns_listed() -> None:
    c, window = construct()
    graph = finished(c, c.op("udiv", 16, c.slice(window, 0, 16), c.slice(window, 16, 16)))
    plan = schedule(graph, TARGET)
    with pytest.raises(ScheduleError, match="do not fit"):
        check(graph, replace(plan, overruns=()), TARGET)


def test_the_checker_wants_results_listed_that_come_too_late_for_their_stage() -> None:
    c, window = construct()
    slow = replace(READ, delay_out=timing.budget(TARGET) + 0.1)
    read = c.site("m", slow, c.slice(window, 100, 1), c.slice(window, 0, 8))
    graph = finished(c, c.field(read, "row"))
    plan = schedule(graph, TARGET)
    assert [node for node, _ in plan.overruns] == [read.id]
    with pytest.raises(ScheduleError, match="its result comes"):
        check(graph, replace(plan, overruns=()), TARGET)


def test_the_report_follows_the_longest_chain() -> None:
    c, window = construct()
    x = c.slice(window, 0, 32)
    total = c.op("add", 32, x, c.slice(window, 32, 32))
    chosen = c.mux(c.slice(window, 70, 1), total, x)
    graph = finished(c, chosen)
    (stage,) = report(graph, schedule(graph, TARGET), TARGET).stages
    assert stage.chain == (total, chosen)
    assert stage.ns == pytest.approx(timing.need(total) + timing.needs(chosen)[1])
