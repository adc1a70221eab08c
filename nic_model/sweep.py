"""A load-latency curve: a scenario again and again, at growing rates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from ..hdl.errors import InputError
from ..sim.statistics import Latency
from ..sim.timing import Rate
from .nic import Outcome
from .scenario import PortSettings, Scenario, Traffic
from .statistics import DROPS
from .wire import SECOND

LOST = tuple(name for name in DROPS if not name.startswith(("rx_xdp_aborted", "rx_xdp_drop")))
"""Counters of frames that were lost, which neither got through nor were dropped because the program says so."""


def steps(scenario: Scenario, count: int) -> Iterator[tuple[float, Scenario]]:
    """The scenario with 1/count, 2/count ... of its rates (captures with their own times so much slower), and these
    shares. Raises `InputError` where nothing comes from the lines, or next to nothing."""
    if not any(not stream.host for port in scenario.ports for stream in port.traffic):
        raise InputError("nothing comes from a line in this scenario: there is no rate to sweep")
    for number in range(1, count + 1):
        yield number / count, replace(scenario, ports=tuple(_port(port, number, count) for port in scenario.ports))


def _port(port: PortSettings, number: int, count: int) -> PortSettings:
    return replace(port, traffic=tuple(_stream(stream, number, count) for stream in port.traffic))


def _stream(stream: Traffic, number: int, count: int) -> Traffic:
    if stream.host:
        return stream
    if stream.rate is None:
        return replace(stream, pace=stream.pace * number / count)
    bits, frames = (whole * number // count for whole in (stream.rate.bits_per_second, stream.rate.frames_per_second))
    if not bits and not frames:
        raise InputError(f"a rate of {number}/{count} of what a stream has is less than one a second: take fewer steps")
    return replace(stream, rate=Rate(bits, frames))


def point(share: float, scenario: Scenario, outcome: Outcome) -> dict[str, Any]:
    """A point of the curve: frames on the lines, those that got where the program wanted them (also into nothing),
    those lost by cause, and the latencies of all that were not lost (`nic_model.results`). Of a broadcast each copy
    counts."""
    offered = sum(port.offered for port in outcome.ports)
    drops = {name: sum(getattr(port.counts, name) for port in outcome.ports) for name in LOST}
    lost = sum(drops.values())
    counts: Counter[int] = Counter()
    for each in outcome.latency.values():
        counts.update(each)
    through = counts.total()
    return {
        "share": share,
        "offered": offered,
        "through": through,
        "lost": drops,
        **{
            f"{name}_pps": round(frames * SECOND / scenario.duration)
            for name, frames in (("offered", offered), ("through", through), ("lost", lost))
        },
        "latency_ns": Latency(counts.items(), period_ps=1).summary()["ns"],
    }
