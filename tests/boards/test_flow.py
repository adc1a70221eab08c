"""Synthesis, placement and packing around tools that only pretend, so that each outcome can be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_tools import Tools, chain
from hardpath.boards import flow
from hardpath.boards.board import BOARDS
from hardpath.boards.flow import build
from hardpath.boards.netlist import Files
from hardpath.boards.toolchain import ECPPACK, NEXTPNR, YOSYS, Toolchain
from hardpath.hdl.errors import HardpathError

BOARD = BOARDS["colorlight_5a75b_r7_0"]
CLOCKS = {"sync": 62.5, "tx": 125.0, "rx0": 125.0}
FILES = Files("rtlil", "memories", "constraints", ("--25k",), ("--compress",), CLOCKS)


@pytest.fixture
def tools(tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "files_of", lambda board, designs, latencies: FILES)
    return Tools(tmp_path)


def test_the_fastest_of_the_seeds_becomes_the_bitstream(tools, tmp_path):
    done = []
    built = build(
        BOARD, [], chain(tools), seeds=range(1, 5), jobs=2, cache=tmp_path / "cache",
        count=lambda total: lambda number: done.append((number, total)),
    )  # fmt: skip
    assert [one.seed for one in built.placements] == [2, 3, 1]
    assert built.failures == {4: "no way"}
    assert sorted(done) == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert built.bitstream.read_text() == "bits of 2" and built.svf is None
    assert built.best.meets and not built.placements[-1].meets
    reached = {clock.domain: clock.reached for clock in built.best.clocks}
    assert reached == {"sync": 70.0, "tx": None, "rx0": 130.0}
    (path,) = [clock.path for clock in built.best.clocks if clock.domain == "sync"]
    ways = [(hop.part, hop.line, hop.sources) for hop in path]
    assert ways == [("program", 42, ("hdl/operators.py:12",)), ("MAC 0", None, ("hdl/mac/mac.py:7",))]
    assert sum(hop.logic_ns + hop.routing_ns for hop in path) == pytest.approx(1.84)
    assert "MAC 0" in Path(built.best.folder, "floorplan.svg").read_text()


def test_nothing_runs_twice_unless_something_it_depends_on_changed(tools, tmp_path):
    first = build(BOARD, [], chain(tools), cache=tmp_path / "cache")
    again = build(BOARD, [], chain(tools), cache=tmp_path / "cache")
    assert first == again
    assert [tools.runs(kind) for kind in (YOSYS, NEXTPNR, ECPPACK)] == [1, 1, 1]
    build(BOARD, [], chain(tools), seeds=(1, 2), cache=tmp_path / "cache")
    assert [tools.runs(kind) for kind in (YOSYS, NEXTPNR)] == [1, 2]
    build(BOARD, [], chain(tools, version="10"), cache=tmp_path / "cache")
    assert [tools.runs(kind) for kind in (YOSYS, NEXTPNR)] == [1, 3]


def test_what_is_too_large_is_not_placed(tools, tmp_path):
    built = build(BOARD, [], chain(tools, luts=30_000), cache=tmp_path / "cache")
    assert not built.fits and built.best is None and built.bitstream is None
    assert tools.runs(NEXTPNR) == 0
    assert built.synthesis.area.lut4 == 30_000 and built.synthesis.lines[42].lut4 == 30_000
    assert {name: area.figures()["block_rams"] for name, area in built.synthesis.parts.items()}["map flows"] == 1


@pytest.mark.parametrize(
    ("printed", "told"),
    [
        ("ERROR: cannot do that\nbye", "cannot do that"),
        ("reading\nout of memory\n", "out of memory"),
        ("", "it says nothing"),
    ],
)
def test_a_tool_that_fails_is_named_with_what_it_said(tools, tmp_path, printed, told):
    made = chain(tools)
    broken = tools.put(YOSYS, f"print({printed!r}); sys.exit(1)")
    with pytest.raises(HardpathError, match=rf"yosys 9.9 \(native\) failed: {told}$"):
        build(BOARD, [], Toolchain(broken, made.nextpnr, made.ecppack), cache=tmp_path / "cache")
