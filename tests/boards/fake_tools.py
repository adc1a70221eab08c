"""Tools that only pretend: scripts that write what they are told, so that each outcome can be had in no time."""

from __future__ import annotations

import json
import sys

from hardpath.boards.toolchain import ECPPACK, NEXTPNR, YOSYS, Tool, Toolchain


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
        "device.port_0.mac.count": {"bits": [8], "attributes": {"src": "hdl/mac/mac.py:7"}},
        "device.datapath.pipeline.stage_1.n7_eq_L42": {
            "bits": [9], "attributes": {"src": "hdl/operators.py:12|/share/yosys.v:3"},
        },
    }
    return {"modules": {"top": {"cells": cells, "netnames": nets}}}


MEASURING = {"device.control.latencies.write_en_LUT4_Z": cell("LUT4")}
"""What there is more if latencies are measured."""

SEES_TMP = "if pathlib.Path(option({!r})).is_absolute(): sys.exit('ERROR: YoWASP has a /tmp of its own')\n"


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

    says = {YOSYS: "Yosys 9.9 (git)", NEXTPNR: "(Version nextpnr-9.9)", ECPPACK: "ecppack Version 9.9"}

    def __init__(self, folder):
        self.folder = folder

    def put(self, kind, text, version="9.9"):
        path = self.folder / kind.command
        path.write_text(
            f"#!{sys.executable}\nimport json, pathlib, sys\nargs = sys.argv[1:]\n"
            f"option = lambda name: args[args.index(name) + 1]\n"
            f"if '--version' in args: sys.exit(print({self.says[kind]!r}))\n"
            f"pathlib.Path({str(self.folder)!r}, {kind.command!r} + '.runs').open('a').write('x')\n{text}\n"
        )
        path.chmod(0o755)
        return Tool(kind, path, version, native=True)

    def runs(self, kind):
        path = self.folder / f"{kind.command}.runs"
        return len(path.read_text()) if path.exists() else 0


def chain(tools, luts=3, mhz="{1: 60.0, 2: 70.0, 3: 65.0}", version="9.9"):
    """Tools with which seeds give these frequencies, others fail."""
    return Toolchain(
        tools.put(
            YOSYS,
            f"netlist = json.loads({json.dumps(netlist(luts))!r})\n"
            f"measures = 'device.control.latencies' in pathlib.Path('top.il').read_text()\n"
            f"netlist['modules']['top']['cells'] |= {MEASURING!r} if measures else {{}}\n"
            "pathlib.Path('top.json').write_text(json.dumps(netlist))\n"
            "pathlib.Path('yosys.log').write_text('')",
        ),
        tools.put(
            NEXTPNR,
            f"{SEES_TMP.format('--json')}"
            f"report, mhz = json.loads({json.dumps(report(0))!r}), {mhz}.get(int(option('--seed')))\n"
            "if mhz is None: print('ERROR: no way'), sys.exit(1)\n"
            "report['fmax']['$glbnet$clocks.clk']['achieved'] = mhz\n"
            "pathlib.Path(option('--report')).write_text(json.dumps(report))\n"
            f"pathlib.Path(option('--write')).write_text({json.dumps(PLACED)!r})\n"
            "pathlib.Path(option('--log')).write_text('')\n"
            "pathlib.Path(option('--textcfg')).write_text(option('--seed'))",
            version,
        ),
        tools.put(
            ECPPACK,
            f"{SEES_TMP.format('--input')}"
            "pathlib.Path(option('--bit')).write_text('bits of ' + pathlib.Path(option('--input')).read_text())\n"
            "pathlib.Path(option('--svf')).write_text('svf')",
        ),
    )
