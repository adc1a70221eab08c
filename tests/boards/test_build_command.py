"""``hardpath build`` from the command line to its files, with tools that only pretend."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from fake_tools import Tools, chain
from hardpath.boards import estimate
from hardpath.cli.main import main

pytest.importorskip("amaranth_boards", reason="install the extra `boards`")
EXAMPLES = Path(__file__).parents[2] / "examples"
FAST = "{1: 70.0, 2: 80.0}"
SLOWEST = "datapath.pipeline.stage_1.n7_eq_L42[3] (program), line 42 of the program, hdl/operators.py:12"
"""Of the datapath's longest path; a report has it if no other clock has less to spare."""


@pytest.fixture
def build(tmp_path, monkeypatch, capsys):
    """``build("--seeds", 2)``: status, what was printed, the output folder. The tools give ``luts`` and ``mhz``."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def run(*options, luts=3, mhz=FAST, program="port_filter", board="colorlight_5a75b_r7_0"):
        chain(Tools(tmp_path / "bin"), luts, mhz)
        path = EXAMPLES / program / f"{program}.o"
        out, cache = tmp_path / "out", tmp_path / "cache"
        status = main(["build", str(path), "--board", board, "-o", str(out), "--cache", str(cache), *map(str, options)])
        return status, capsys.readouterr(), out

    return run


def test_bitstream_report_and_floorplan(build):
    status, printed, out = build("--seeds", 2)
    assert status == 0
    assert {path.name for path in out.iterdir()} == {
        "port_filter.bit", "report.json", "report.txt", "floorplan.svg", "nextpnr.log", "yosys.log"
    }  # fmt: skip
    assert (out / "port_filter.bit").read_text() == "bits of 2"
    lines = printed.out.splitlines()
    assert lines[0] == "port_filter on colorlight_5a75b_r7_0 (LFE5U-25F)"
    assert lines[1].split(None, 1)[1] == "yosys 9.9 (native), nextpnr-ecp5 9.9 (native), ecppack 9.9 (native)"
    assert "clock      datapath: 41.667 MHz wanted, 80 MHz reached, line rate needs" in printed.out
    assert "seeds      2 is the best of 2, 1" in printed.out
    assert SLOWEST not in printed.out, "the lines are tighter than the datapath"


def test_a_clock_that_is_missed_is_told_with_its_path_and_what_helps(build):
    status, printed, out = build("--json", mhz="{1: 35.0}")
    assert status == 1
    facts = json.loads(printed.out)["report"]
    assert facts["fits"] and not facts["meets_timing"]
    text = (out / "report.txt").read_text()
    assert "41.667 MHz wanted, 35 MHz reached" in text and "MISSED" in text
    assert SLOWEST in text
    assert "too slow; what helps: more --seeds, a slower --clock" in text
    assert (out / "port_filter.bit").exists()


def test_what_does_not_fit_is_told_by_how_much_because_of_which_lines_and_what_helps(build):
    source = (EXAMPLES / "firewall" / "firewall.c").read_text().splitlines()
    status, printed, out = build("--ii", 6, luts=30_000, program="firewall")
    assert status == 1 and not (out / "firewall.bit").exists()
    assert "does not fit: 1.24 times the LUT4 of LFE5U-25F" in printed.out
    assert f"firewall.c:42: 30,000 LUT4, 0 flip-flops: {source[41].strip()}" in printed.out
    assert "what helps: --ii 16, with which it fits by the estimate and carries" in printed.out
    assert "a board with LFE5U-45F" in printed.out


def test_a_path_is_told_by_lines_of_the_program_where_it_has_such_lines(build):
    source = (EXAMPLES / "source_counter" / "source_counter.c").read_text().splitlines()
    status, printed, out = build("--json", mhz="{1: 35.0}", program="source_counter")
    assert status == 1
    text = (out / "report.txt").read_text()
    assert f"source_counter.c:42: {source[41].strip()} (program)" in text and "n7_eq_L42" not in text
    (datapath,) = (each for each in json.loads(printed.out)["report"]["clocks"] if each["domain"] == "sync")
    assert "n7_eq_L42" in datapath["path"][0]["signal"] and datapath["path"][0]["line"] == 42


def test_no_placement_is_told_with_what_nextpnr_says(build):
    status, printed, out = build(mhz="{}")
    assert status == 1 and not (out / "port_filter.bit").exists()
    assert "seed 1: no way" in printed.out


def test_boards_that_are_programmed_with_svf_get_one(build):
    status, _, out = build(board="versa_ecp5")
    assert status == 0 and (out / "port_filter.svf").read_text() == "svf"


def test_latencies_are_measured_if_wanted_and_the_area_tells(build):
    for options, extra in ((), set()), (("--latency",), {"latencies"}):
        status, printed, out = build(*options)
        assert status == 0
        parts = json.loads((out / "report.json").read_text())["parts"]
        assert set(parts) == {"map flows", "MAC 0", "program"} | extra
        assert ("  latencies            1 LUT4" in printed.out) == bool(extra)


def test_what_is_far_too_large_is_refused_before_synthesis(build, monkeypatch):
    monkeypatch.setattr(estimate, "MOST", 0.05)
    status, printed, out = build()
    assert status == 3
    reason = r"by the estimate this takes 0\.\d times the LUT4 of LFE5U-25F \(0\.\d for the [a-z ]+ alone\), so"
    assert re.search(reason, printed.err)
    assert re.search(r"At: +instruction \d+ of port_filter \(.*port_filter\.c:\d+:", printed.err)
    assert not out.exists()
