"""The smallest program becomes a bitstream with the real tools."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from hardpath.boards.toolchain import ECPPACK, NEXTPNR, YOSYS
from hardpath.cli.main import main
from real_tools import needs

pytest.importorskip("amaranth_boards", reason="install the extra `boards`")
EXAMPLES = Path(__file__).parents[2] / "examples"


@needs(YOSYS, NEXTPNR, ECPPACK)
def test_drop_on_the_colorlight_meets_all_clocks(tmp_path):
    out = tmp_path / "out"
    board = "colorlight_5a75b_r7_0"
    status = main(["build", str(EXAMPLES / "drop" / "drop.o"), "--board", board, "-o", str(out),
                   "--cache", str(tmp_path / "cache")])  # fmt: skip
    facts = json.loads((out / "report.json").read_text())
    assert status == 0 and facts["meets_timing"]
    assert {clock["domain"] for clock in facts["clocks"]} == {"sync", "tx", "rx0", "rx1"}
    assert all(clock["reached_mhz"] for clock in facts["clocks"])
    assert {"MAC 0", "MAC 1", "control", "frames in and out"} <= facts["parts"].keys()
    assert facts["needs_mhz"] < 41.7
    bits = (out / "drop.bit").read_bytes()
    assert bits[:2] == b"\xff\x00" and b"LFE5U-25F" in bits[:200]
    shutil.rmtree(out)
