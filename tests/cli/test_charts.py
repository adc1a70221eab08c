"""Figures in the terminal and in files."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hardpath.cli import latency as latency_verb
from hardpath.cli import plots
from hardpath.cli.charts import histogram, load_latency, sparkline, timeline
from hardpath.hdl.errors import InputError
from hardpath.sim.statistics import Latency
from hardpath.sim.timeline import Timeline
from hardpath.sim.toolchain import has_compiler
from rich.console import Console

Hardpath = Callable[..., Any]
needs_compiler = pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")
SORTER = Path(__file__).parents[1] / "nic_model" / "data" / "sorter.o"


def printed(*tables: Any) -> str:
    console = Console(width=200, highlight=False)
    with console.capture() as capture:
        for table in tables:
            console.print(table)
    return capture.get()


def line_of(*latencies: int) -> Timeline:
    made = Timeline(0)
    for at, latency in enumerate(latencies):
        made.add(at, latency)
    return made


def test_a_line_of_bars_is_as_high_as_its_values() -> None:
    assert sparkline([8, 4, None, 1, 0]) == "█▄ ▁▁"
    assert sparkline([None, None]) == "  "
    assert sparkline([]) == ""


def test_a_time_line_tells_its_scale_and_pauses() -> None:
    made = line_of(*[10] * 9)
    made.add(20, 40)
    frames, mean, worst = printed(timeline(made, unit_ns=8)).splitlines()[1:]
    assert "█████████           █" in frames and "up to 1" in frames
    assert "▂▂▂▂▂▂▂▂▂           █" in mean and "up to 320" in worst
    assert timeline(line_of(1, 2, 3), 1) is None


def test_bins_of_a_device_are_drawn_in_rows_of_whole_bins() -> None:
    assert latency_verb.histogram([[32, 7]], 16) is None
    few = printed(latency_verb.histogram([[32, 7], [64, 1]], 16))
    assert [row.split()[:2] for row in few.splitlines()[1:]] == [["32-47", "7"], ["48-63", "0"], ["64-79", "1"]]
    many = [row.split()[:2] for row in printed(latency_verb.histogram([[i, 1] for i in range(40)], 1)).splitlines()[1:]]
    assert many[0] == ["0-2", "3"] and many[-1] == ["39-41", "1"] and len(many) == 14


def test_a_histogram_of_one_bin_is_none() -> None:
    assert histogram("Cycles", Latency([(7, 100)], 8000).histogram(16)) is None
    text = printed(histogram("ns", Latency([(0, 1), (3, 4)], 1000).histogram(4), scale=0.5))
    assert [line.split()[:2] for line in text.splitlines()[1:]] == [["0", "1"], ["0.5", "0"], ["1", "0"], ["1.5", "4"]]


def test_a_curve_shows_points_at_which_nothing_came_through() -> None:
    empty = dict.fromkeys(("min", "p50", "p99", "max", "mean"))
    rates = {"offered_pps": 2_500_000, "through_pps": 0, "lost_pps": 2_500_000}
    text = printed(load_latency([{"share": 0.5, **rates, "latency_ns": empty}]))
    assert text.splitlines()[1].split() == ["50%", "2.500", "0.000", "2.500", "-", "-", "-", "-"]


def words(path: Path) -> str:
    """All text in an SVG file."""
    return " ".join(element.text or "" for element in ElementTree.parse(path).iter() if element.tag.endswith("text"))


def test_a_drawing_has_what_was_measured(tmp_path: Path) -> None:
    groups = {"XDP_TX": Latency([(10, 990), (12, 10)], 8000), "XDP_DROP": Latency([], 8000)}
    for name in ("a.svg", "b.svg", "c.png"):
        plots.latency(tmp_path / name, "firewall", groups, line_of(10, 12, 10), 8)
    text = words(tmp_path / "a.svg")
    assert "firewall" in text and "XDP_TX (1,000)" in text and "XDP_DROP" not in text
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="cannot write there"):
        plots.latency(tmp_path / "none" / "a.svg", "x", groups, line_of(1), 8)


def test_what_cannot_be_drawn_is_told_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match=r"ends in \.svg, \.png, \.pdf"):
        plots.check(Path("a.gif"))
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(InputError, match="pip install matplotlib"):
        plots.check(tmp_path / "a.svg")


@needs_compiler
def test_sim_tells_paths_and_draws(hardpath: Hardpath, example: Callable[[str], Path], tmp_path: Path) -> None:
    folder = example("port_filter")
    source = (folder / "port_filter.o", "-r", folder / "capture.pcap")
    arguments = ("sim", *source, "--paths", "--plot", tmp_path / "a.svg")
    result = hardpath(*arguments, "-j").json
    assert sum(path["frames"] for path in result["paths"]) == result["frames"]
    assert len({json.dumps(path["path"]) for path in result["paths"]}) == len(result["paths"]) > 3
    for verdict, count in result["verdicts"].items():
        assert sum(path["verdicts"].get(verdict, 0) for path in result["paths"]) == count
        if count:
            assert f"{verdict} ({count:,})" in words(tmp_path / "a.svg")
    text = hardpath(*arguments).out
    assert f"{result['paths'][0]['frames']:,}" in text and ", ".join(result["paths"][0]["path"]) in text
    refused = hardpath(*arguments, "--control", tmp_path / "s.sock")
    assert refused.status == 2 and "--paths cannot follow what the host does" in refused.err


@needs_compiler
def test_a_sweep_is_shown_and_drawn(hardpath: Hardpath, tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(
        f"{{object: {SORTER}, program: sorter, duration: 20us,"
        " ports: [{speed: 10G, traffic: [{frames: random, rate: 50%}]}]}"
    )
    arguments = ("nic", "run", tmp_path / "s.yaml", "--sweep", "rate", "--points", "2")
    answer = hardpath(*arguments, "--plot", tmp_path / "a.svg")
    assert answer.status == 0, answer.err
    assert [line.split()[0] for line in answer.out.splitlines()] == ["Load", "50%", "100%"]
    assert "offered Mpps" in words(tmp_path / "a.svg") and "p99" in words(tmp_path / "a.svg")
    assert hardpath(*arguments, "--paths").status == 2
    with_paths = hardpath("nic", "run", tmp_path / "s.yaml", "--paths", "-j").json
    assert sum(path["frames"] for path in with_paths["paths"]) == sum(with_paths["verdicts"].values())
