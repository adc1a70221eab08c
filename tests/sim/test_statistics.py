"""Latency figures against their definitions."""

from __future__ import annotations

import itertools
from collections import Counter

from hardpath.sim.results import FrameResult, Verdict
from hardpath.sim.statistics import Latency, nanoseconds
from hypothesis import given
from hypothesis import strategies as st

latencies = st.lists(st.integers(0, 5000), min_size=1, max_size=200)


def of(values: list[int], period_ps: int = 8000) -> Latency:
    return Latency(Counter(values).items(), period_ps)


@given(latencies, st.sampled_from([1, 25, 50, 90, 99, 99.9, 100]))
def test_a_percentile_is_the_least_latency_that_enough_frames_do_not_exceed(values: list[int], p: float) -> None:
    def enough(latency: int) -> bool:
        return sum(value <= latency for value in values) >= len(values) * p / 100

    assert of(values).percentile(p) == min(value for value in values if enough(value))


@given(latencies)
def test_extremes_and_mean_are_those_of_the_frames(values: list[int]) -> None:
    latency = of(values)
    assert (latency.min, latency.max, latency.frames) == (min(values), max(values), len(values))
    assert latency.mean is not None and abs(latency.mean - sum(values) / len(values)) < 1e-9


@given(latencies, st.integers(1, 30))
def test_a_histogram_counts_every_frame_once_in_adjoining_bins(values: list[int], bins: int) -> None:
    histogram = of(values).histogram(bins)
    assert len(histogram) <= bins
    assert [b.frames for b in histogram] == [sum(b.low <= v <= b.high for v in values) for b in histogram]
    assert sum(b.frames for b in histogram) == len(values)
    assert all(a.high + 1 == b.low for a, b in itertools.pairwise(histogram))


def test_no_frames_have_no_latency() -> None:
    latency = of([])
    assert latency.summary()["cycles"] == dict.fromkeys(("min", "p50", "p99", "max", "mean"))
    assert latency.histogram() == []


def test_records_without_a_clock_do_not_count() -> None:
    results = [FrameResult(0, Verdict.DROP, latency_cycles=5), FrameResult(1, Verdict.DROP)]
    assert Latency.of(results, 8000).frames == 1


def test_nanoseconds_are_whole_when_they_are() -> None:
    assert [repr(nanoseconds(3, period)) for period in (8000, 3125, 6400)] == ["24", "9.375", "19.2"]
