"""Figures as tables and pictures in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.bar import Bar
from rich.table import Table

from ..sim.statistics import Bin
from ..sim.timeline import Timeline

BARS = " ▁▂▃▄▅▆▇█"
COLUMNS = ("min", "p50", "p99", "max")
MOST_PATHS = 12


def table(*columns: str) -> Table:
    """A plain table; all columns but the first are numbers."""
    made = Table(box=None, pad_edge=False, header_style="bold")
    made.add_column(columns[0])
    for column in columns[1:]:
        made.add_column(column, justify="right")
    return made


def latencies(title: str, rows: Mapping[str, Mapping[str, Any]]) -> Table:
    """Percentiles (`Latency.summary`, one unit of it) by what they are of."""
    made = table(title, *COLUMNS)
    for name, figures in rows.items():
        made.add_row(name, *_figures(figures))
    return made


def _figures(of: Mapping[str, Any]) -> list[str]:
    return ["-" if of[column] is None else f"{of[column]:,}" for column in COLUMNS]


def histogram(title: str, bins: Sequence[Bin], scale: float = 1) -> Table | None:
    """Frames by latency; none if all have the same. ``scale``: what is shown for a latency of 1."""
    if len(bins) < 2:
        return None
    most = max(each.frames for each in bins)
    made = table(title, "frames")
    made.add_column("", width=40)
    for each in bins:
        low, high = (f"{value * scale:g}" for value in (each.low, each.high))
        made.add_row(low if low == high else f"{low}-{high}", f"{each.frames:,}", Bar(most, 0, each.frames, width=40))
    return made


def sparkline(values: Iterable[float | None]) -> str:
    """A character for each value, as high as the value in relation to the greatest; a blank for none."""
    known = list(values)
    most = max((value for value in known if value), default=1)
    steps = len(BARS) - 1
    return "".join(" " if value is None else BARS[max(1, round(value / most * steps))] for value in known)


def timeline(line: Timeline, unit_ns: float) -> Table | None:
    """Frames and latencies over time; none if there is too little for it. ``unit_ns``: of the time line's unit."""
    if len(line.slices) < 8:
        return None
    frames = [float(each.frames) or None for each in line.slices]
    worst = [float(each.high) if each.frames else None for each in line.slices]
    mean = [each.mean for each in line.slices]
    made = Table.grid(padding=(0, 2))
    span = len(line.slices) * line.width * unit_ns / 1000
    made.add_row(f"Over {span:,.4g} us", "", f"a column: {line.width * unit_ns / 1000:,.4g} us")
    for name, values, scale in (("frames", frames, 1.0), ("mean ns", mean, unit_ns), ("max ns", worst, unit_ns)):
        known = [value for value in values if value is not None]
        made.add_row(name, sparkline(values), f"up to {max(known) * scale:,.6g}")
    return made


def load_latency(points: Sequence[Mapping[str, Any]]) -> Table:
    """A load-latency curve (`nic_model.sweep`), with bars for the 99th percentile."""
    made = table("Load", "offered Mpps", "through Mpps", "lost Mpps", *(f"{column} ns" for column in COLUMNS))
    made.add_column("", width=30)
    most = max((point["latency_ns"]["p99"] or 0 for point in points), default=0)
    for point in points:
        rates = (f"{point[f'{name}_pps'] / 1e6:.3f}" for name in ("offered", "through", "lost"))
        figures = point["latency_ns"]
        bar = Bar(most or 1, 0, figures["p99"] or 0, width=30)
        made.add_row(f"{point['share']:.0%}", *rates, *_figures(figures), bar)
    return made


def paths(found: Sequence[Mapping[str, Any]]) -> Table:
    """Frames and latencies by the path through the program, those of most frames first (`sim.paths`)."""
    made = table("Path", "frames", *(f"{column} ns" for column in COLUMNS))
    made.add_column("verdict")
    for each in found[:MOST_PATHS]:
        name = "not known" if each["path"] is None else ", ".join(each["path"]) or "the only one"
        made.add_row(name, f"{each['frames']:,}", *_figures(each["latency"]["ns"]), ", ".join(each["verdicts"]))
    if len(found) > MOST_PATHS:
        made.add_row(f"{len(found) - MOST_PATHS} more: --json", f"{sum(e['frames'] for e in found[MOST_PATHS:]):,}")
    return made
