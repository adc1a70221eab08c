"""Latencies over time."""

from __future__ import annotations

import random
from itertools import accumulate

from hardpath.sim.timeline import SLICES, Slice, Timeline


def test_slices_hold_what_came_in_their_time() -> None:
    for seed in range(30):
        rng = random.Random(seed)
        times = list(accumulate(rng.choice((0, 1, 3, 700 * seed)) for _ in range(300)))
        frames = [(5000 + time, rng.randrange(1, 100)) for time in times]
        line = Timeline()
        for at, latency in frames:
            line.add(at, latency)
        assert len(line.slices) <= SLICES
        assert line.width == 1 or len(line.slices) > SLICES // 2
        for number, found in enumerate(line.slices):
            inside = [latency for at, latency in frames if (at - frames[0][0]) // line.width == number]
            low, high = (min(inside), max(inside)) if inside else (0, 0)
            assert found == Slice(len(inside), low, high, sum(inside))
        assert Timeline.parse(line.document()).slices == line.slices


def test_nothing_came() -> None:
    assert Timeline().document() == {"width": 1, "slices": []}
    assert Slice().mean is None
