"""Synthesis, placement and packing around tools that only pretend, so that each outcome can be had."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from hardpath.boards import flow
from hardpath.boards.board import BOARDS
from hardpath.boards.flow import build
from hardpath.boards.netlist import Files
from hardpath.boards.toolchain import ECPPACK, NEXTPNR, YOSYS, Tool, Toolchain
from hardpath.hdl.errors import HardpathError

BOARD = BOARDS["colorlight_5a75b_r7_0"]
CLOCKS = {"sync": 62.5, "tx": 125.0, "rx0": 125.0}
FILES = Files("rtlil", "memories", "constraints", ("--25k",), ("--compress",), CLOCKS)


def cell(kind, connections=None, **attributes):
    return {"type": kind, "connections": connections or {}, "attributes": attributes}


def netlist(luts=3):
    cells = {
        "clocks.pll": cell("EHXPLLL", {"CLKOS": [2], "CLKOP": [3]}),
        "rx_clk_0.buf0": cell("TRELLIS_IO", {"O": [4]}),
        "device.datapath.pipeline.map_0_flows.mem.0.0": cell("DP16KD"),
        "device.port_0.mac.count_TRELLIS_FF_Q": cell("TRELLIS_FF"),
        **{f"device.datapath.pipeline.stage_1.n7_eq_L42_LUT4_Z_{i}": cell("LUT4") for i in range(luts)},
    }
    nets = {
        "clocks.clk": {"bits": [2], "attributes": {}},
        "clocks.line": {"bits": [3], "attributes": {}},
        "pads.rx": {"bits": [4], "attributes": {}},
        "device.datapath.pipeline.stage_1.n7_eq_L42": {
            "bits": [9], "attributes": {"src": "hdl/operators.py:12|/share/yosys.v:3"},
        },
    }
    return {"modules": {"top": {"cells": cells, "netnames": nets}}}


def report(mhz):
    """Of nextpnr."""
    steps = [
        {"type": "clk-to-q", "delay": 0.5, "from": {"cell": "a"}, "to": {"cell": "a"}},
        {"type": "routing", "delay": 1.0, "net": "device.datapath.pipeline.stage_1.n7_eq_L42[3]",
         "from": {"cell": "a"}, "to": {"cell": "b"}},
        {"type": "logic", "delay": 0.24, "from": {"cell": "b"}, "to": {"cell": "b"}},
        {"type": "setup", "delay": 0.1, "from": {"cell": "b"}, "to": {"cell": "device.port_0.mac.count_TRELLIS_FF_Q"}},
    ]  # fmt: skip
    clock = "posedge $glbnet$clocks.clk"
    return {
        "fmax": {
            "$glbnet$clocks.clk": {"achieved": mhz, "constraint": 62.5},
            "$glbnet$pads.rx": {"achieved": 130.0, "constraint": 125},
        },
        "critical_paths": [{"from": clock, "to": clock, "path": steps}],
        "utilization": {"TRELLIS_COMB": {"used": 3, "available": 24288}},
    }


PLACED = {"modules": {"top": {"cells": {
    "device.port_0.x": {"type": "TRELLIS_FF", "attributes": {"NEXTPNR_BEL": "X3/Y4/SLICEA.FF0"}},
}}}}  # fmt: skip


class Tools:
    """Scripts in a folder; ``runs`` counts how often each ran."""

    def __init__(self, folder):
        self.folder = folder

    def put(self, kind, text, version="9.9"):
        path = self.folder / kind.command
        path.write_text(
            f"#!{sys.executable}\nimport json, pathlib, sys\nargs = sys.argv[1:]\n"
            f"option = lambda name: args[args.index(name) + 1]\n"
            f"pathlib.Path({str(self.folder)!r}, {kind.command!r} + '.runs').open('a').write('x')\n{text}\n"
        )
        path.chmod(0o755)
        return Tool(kind, path, version, native=True)

    def runs(self, kind):
        path = self.folder / f"{kind.command}.runs"
        return len(path.read_text()) if path.exists() else 0


@pytest.fixture
def tools(tmp_path, monkeypatch):
    monkeypatch.setattr(flow, "files_of", lambda board, designs: FILES)
    return Tools(tmp_path)


def chain(tools, luts=3, mhz="{1: 60.0, 2: 70.0, 3: 65.0}", version="9.9"):
    """Tools with which seeds give these frequencies, others fail."""
    return Toolchain(
        tools.put(
            YOSYS,
            f"pathlib.Path('top.json').write_text({json.dumps(netlist(luts))!r})\n"
            "pathlib.Path('yosys.log').write_text('')",
        ),
        tools.put(
            NEXTPNR,
            f"report, mhz = json.loads({json.dumps(report(0))!r}), {mhz}.get(int(option('--seed')))\n"
            "if mhz is None: print('ERROR: no way'), sys.exit(1)\n"
            "report['fmax']['$glbnet$clocks.clk']['achieved'] = mhz\n"
            "pathlib.Path(option('--report')).write_text(json.dumps(report))\n"
            f"pathlib.Path(option('--write')).write_text({json.dumps(PLACED)!r})\n"
            "pathlib.Path(option('--textcfg')).write_text(option('--seed'))",
            version,
        ),
        tools.put(
            ECPPACK,
            "pathlib.Path(option('--bit')).write_text('bits of ' + pathlib.Path(option('--input')).read_text())\n"
            "pathlib.Path(option('--svf')).write_text('svf')",
        ),
    )


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
    assert ways == [("program", 42, ("hdl/operators.py:12",)), ("MAC 0", None, ())]
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


def test_a_tool_that_fails_is_named_with_what_it_said(tools, tmp_path):
    made = chain(tools)
    broken = tools.put(YOSYS, "print('ERROR: cannot do that'); sys.exit(1)")
    with pytest.raises(HardpathError, match=r"yosys 9.9 \(native\) failed: cannot do that"):
        build(BOARD, [], Toolchain(broken, made.nextpnr, made.ecppack), cache=tmp_path / "cache")
