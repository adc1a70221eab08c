"""Passes: the graph stays legal and does the same; each pass does what its summary says."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.graph.legal import check
from hardpath.codegen.passes import passes_for
from hardpath.hdl.target import Target
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

STEPS = {f"{step.name}-{i}": step for i, step in enumerate(passes_for(Target(clock_mhz=200)))}


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(generator=st.randoms(use_true_random=False), size=st.integers(5, 60))
def test_every_pass_keeps_outputs_and_map_contents(
    random_graph: Callable[..., Graph],
    memories: Callable[[], Any],
    frame_inputs: Callable[..., dict[str, int]],
    generator: random.Random,
    size: int,
) -> None:
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
