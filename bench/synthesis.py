"""Synthesis for benchmarks, by the Yosys that `hardpath build` takes."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path

from hardpath.boards.cells import CELLS
from hardpath.boards.toolchain import YOSYS, Tool, ToolFailed, find_tool, run
from hardpath.hdl.area import Area
from hardpath.hdl.errors import HardpathError


def carry_out(tool: Tool, arguments: list[str], folder: str | Path) -> None:
    """Run a tool. Raises `HardpathError` with what it complained of."""
    try:
        run(tool, arguments, Path(folder))
    except ToolFailed as failure:
        raise HardpathError(f"{tool} failed: {'; '.join(failure.complaints) or failure.log[-2000:]}") from None


def cells(verilog: str, command: str) -> Counter[str]:
    """Cells by type that a synthesis command makes of the module ``hardpath``."""
    with tempfile.TemporaryDirectory(prefix="hardpath-") as folder:
        Path(folder, "top.v").write_text(verilog)
        script = f"read_verilog top.v; {command} -top hardpath; tee -q -o stat.json stat -json"
        carry_out(find_tool(YOSYS), ["-q", "-p", script], folder)
        design = json.loads(Path(folder, "stat.json").read_text())["design"]
    return Counter({name: number for name, number in design["num_cells_by_type"].items() if number})


def synthesize(verilog: str) -> Area:
    """What synth_ecp5 makes of it. LUT4 counts carry chains (two a CCU2C) and LUT RAM."""
    made = cells(verilog, "synth_ecp5")
    return sum((area for name, area in CELLS.items() for _ in range(made[name])), Area())
