"""The same figures as drawings in files: SVG, PNG or PDF, by the name's end.

Drawn with matplotlib, an extra (``plot`` in pyproject.toml): of the libraries that draw into files without a
browser it is the one that has been kept longest and by most; what it would cost everyone - size, and half a second at
the start - only those pay who draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..hdl.errors import InputError
from ..sim.statistics import Latency
from ..sim.timeline import Timeline

FORMATS = (".svg", ".png", ".pdf")
BINS = 64


def check(path: Path) -> None:
    """Raise `InputError`, before anything takes time, if this cannot be drawn."""
    if path.suffix not in FORMATS:
        raise InputError(f"{path}: the name of a drawing ends in {', '.join(FORMATS)}")
    _pyplot()


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise InputError("drawing needs matplotlib: pip install matplotlib") from None
    matplotlib.use("agg")  # files only, whatever screen there is
    matplotlib.rcParams["svg.hashsalt"] = "hardpath"  # equal figures give equal files
    matplotlib.rcParams["svg.fonttype"] = "none"  # text stays text
    from matplotlib import pyplot

    return pyplot


def latency(path: Path, title: str, groups: Mapping[str, Latency], line: Timeline, unit_ns: float) -> None:
    """A histogram, with a colour for each group, above the latencies over time (a unit of that: ``unit_ns``)."""
    pyplot = _pyplot()
    figure, (above, below) = pyplot.subplots(2, figsize=(8, 7), layout="constrained")
    groups = {name: each for name, each in groups.items() if each.frames}
    if groups:
        values = [each.cycles * each.period_ps / 1000 for each in groups.values()]
        weights = [each.counts for each in groups.values()]
        labels = [f"{name} ({each.frames:,})" for name, each in groups.items()]
        above.hist(values, bins=BINS, weights=weights, stacked=True, label=labels)
        above.legend()
    above.set(title=title, xlabel="latency in ns", ylabel="frames")
    shown = [(i, each) for i, each in enumerate(line.slices) if each.frames]
    width = line.width * unit_ns / 1000
    times = [i * width for i, _ in shown]
    below.step(times, [each.high * unit_ns for _, each in shown], where="post", label="max")
    below.step(times, [(each.mean or 0) * unit_ns for _, each in shown], where="post", label="mean")
    below.step(times, [each.low * unit_ns for _, each in shown], where="post", label="min")
    below.set(xlabel=f"time in us, {width:.4g} us a step", ylabel="latency in ns")
    below.set_ylim(0, 1.1 * below.get_ylim()[1])
    below.legend()
    _save(figure, path)


def load_latency(path: Path, title: str, points: Sequence[Mapping[str, Any]]) -> None:
    """Latency and loss over the load, of points as `nic_model.sweep` tells them."""
    pyplot = _pyplot()
    figure, (above, below) = pyplot.subplots(2, sharex=True, figsize=(8, 7), layout="constrained")
    offered = [point["offered_pps"] / 1e6 for point in points]
    for column in ("max", "p99", "p50", "min"):
        above.plot(offered, [point["latency_ns"][column] for point in points], marker="o", label=column)
    above.set(title=title, ylabel="latency in ns", yscale="log")
    above.legend()
    below.plot(offered, [point["through_pps"] / 1e6 for point in points], marker="o", label="through")
    below.plot(offered, [point["lost_pps"] / 1e6 for point in points], marker="o", label="lost")
    below.set(xlabel="offered Mpps", ylabel="Mpps", ylim=(0, None))
    below.legend()
    _save(figure, path)


def _save(figure: Any, path: Path) -> None:
    try:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise InputError(f"{path}: cannot write there: {error.strerror}") from None
    finally:
        _pyplot().close(figure)
