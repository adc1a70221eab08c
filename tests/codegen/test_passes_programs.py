"""Passes on real programs: the examples do the same before and after, on their captures and on random frames."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hardpath.codegen.elf import load
from hardpath.codegen.flow import maps_of
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.graph.legal import check as check_graph
from hardpath.codegen.passes import run_passes
from hardpath.codegen.schedule import check, report, schedule
from hardpath.codegen.verify import verify
from hardpath.hdl.target import Target
from hardpath.sim.captures import read_capture
from hardpath.sim.mapfile import load_maps
from hardpath.sim.traffic_random import random_frames

EXAMPLES = sorted(path for path in (Path(__file__).parents[2] / "examples").glob("*/*.o"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_do_the_same_before_and_after_all_passes(path: Path) -> None:
    target = Target()
    spec = load(path)
    for program in spec.programs:
        maps = maps_of(program, spec.maps)
        graph = build(verify(program, maps), width=target.width, max_window=1024)
        small = run_passes(graph, target, between=lambda name, g: check_graph(g))
        plan = schedule(small, target)
        check(small, plan, target)
        assert not plan.overruns
        assert report(small, plan, target).critical.ns <= target.period_ns * target.margin + 1e-6
        before, after = Evaluator(graph, maps), Evaluator(small, maps)
        initial = path.with_name("maps.json")
        for name, entries in (load_maps(initial, spec.maps) if initial.exists() else {}).items():
            for evaluator in (before, after):
                if name in evaluator.models:
                    for key, value in entries.items():
                        evaluator.models[name].update(key, value, 0)
        (capture,) = path.parent.glob("capture.pcap*")
        captured = [frame.data for frame in read_capture(capture)][:200]
        for index, frame in enumerate([*captured, *random_frames(random.Random(path.stem).getrandbits(32), 150)]):
            time = 1000 * index
            results = [e.run(frame, time_ns=time, frame_index=index) for e in (before, after)]
            assert results[0] == results[1], f"frame {index}: {frame.hex()}"
        for name, model in after.models.items():
            assert list(model.items()) == list(before.models[name].items())
