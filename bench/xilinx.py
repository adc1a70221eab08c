"""What programs take of an UltraScale+ device, by yosys (`synth_xilinx -family xcup`, flattened, out of context).

    python bench/xilinx.py [NAME ...] [--clock 250] [--width 64] [--json bench/xilinx.json]

NAME: examples; by default those that eHDL (ASPLOS 2023) was measured with. Shares are of an Alveo U50 (XCU50), as
there. LUTs are logic, memories (LUT RAM) and shift registers together; carry chains and wide multiplexers have cells
of their own. A program takes minutes; rows of programs that are not named stay as the JSON file has them. Takes
the Yosys that `hardpath build` takes.

Nothing is placed: these are counts, not clock rates.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import output
from hardpath.boards.toolchain import YOSYS, find_tool
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import Design, compile_program
from hardpath.hdl.target import Target
from synthesis import cells

EXAMPLES = Path(__file__).parent.parent / "examples"
EHDL = ("firewall", "router", "tunnel", "snat", "bypass")
"""Its firewall, router, tunnel, DNAT (dynamic source NAT) and Suricata filter."""

DEVICE = {"LUT": 871_680, "FF": 1_743_360, "BRAM36": 1344, "DSP": 5952}
"""XCU50 (AMD, data sheet DS965)."""

CELLS: dict[str, dict[str, float]] = {
    **{f"LUT{inputs}": {"LUT": 1} for inputs in range(1, 7)},
    **{name: {"LUT": 1, "LUT RAM": 1} for name in ("SRL16E", "SRLC32E", "RAM32X1S", "RAM64X1S")},
    **{name: {"LUT": 2, "LUT RAM": 2} for name in ("RAM32X1D", "RAM64X1D", "RAM128X1S")},
    **{name: {"LUT": 4, "LUT RAM": 4} for name in ("RAM32M", "RAM64M", "RAM128X1D", "RAM256X1S")},
    **{name: {"LUT": 8, "LUT RAM": 8} for name in ("RAM32M16", "RAM64M8", "RAM256X1D", "RAM512X1S")},
    **{name: {"FF": 1} for name in ("FDRE", "FDSE", "FDCE", "FDPE")},
    "RAMB18E2": {"BRAM36": 0.5},
    "RAMB36E2": {"BRAM36": 1},
    "URAM288": {"URAM": 1},
    "DSP48E2": {"DSP": 1},
    **{name: {} for name in ("CARRY8", "CARRY4", "MUXF7", "MUXF8", "MUXF9", "INV", "VCC", "GND", "$scopeinfo")},
}
"""What a cell takes; `count` refuses others, lest something is left out."""


def count(made: Counter[str]) -> dict[str, float]:
    """LUT, LUT RAM (part of them), FF, BRAM36, URAM, DSP."""
    total: Counter[str] = Counter()
    for name, number in made.items():
        if name not in CELLS:
            raise SystemExit(f"{number} cells {name}: tell bench/xilinx.py what they take")
        for resource, amount in CELLS[name].items():
            total[resource] += amount * number  # type: ignore[assignment]
    return {name: total[name] for name in ("LUT", "LUT RAM", "FF", "BRAM36", "URAM", "DSP")}


def measure(name: str, target: Target) -> dict[str, Any]:
    """One example's row."""
    spec = load(EXAMPLES / name / f"{name}.o")
    design: Design = compile_program(spec, select(spec), target)
    began = time.monotonic()
    figures = count(cells(design.verilog, "synth_xilinx -family xcup -flatten -noiopad -noclkbuf"))
    return {
        "program": name,
        "stages": design.schedule.stages,
        "clock_mhz": target.clock_mhz,
        "beat_bits": 8 * target.width,
        **figures,
        "percent": {what: round(100 * figures[what] / there, 2) for what, there in DEVICE.items()},
        "tool": str(find_tool(YOSYS)),
        "synthesis_s": round(time.monotonic() - began),
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Markdown; docs/nic-shells.md has these figures among others."""

    def row(found: dict[str, Any]) -> list[str]:
        share = found["percent"]
        largest = max(share, key=share.__getitem__)
        shares = [f"{found[what]:,g} ({share[what]:.1f} %)" for what in ("LUT", "FF", "BRAM36")]
        last = f"{share[largest]:.1f} % of {largest}"
        return [found["program"], str(found["stages"]), *shares, f"{found['DSP']:g}", last]

    head = ("program", "stages", "LUT", "FF", "BRAM36", "DSP", "largest share")
    return "\n".join(output.table(head, map(row, rows)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=EHDL)
    parser.add_argument("--clock", type=float, default=250.0, metavar="MHZ")
    parser.add_argument("--width", type=int, default=64, metavar="BYTES")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    kept = json.loads(arguments.json.read_text()) if arguments.json and arguments.json.exists() else []
    rows = {row["program"]: row for row in kept}
    for name in arguments.names:
        rows[name] = measure(name, Target(clock_mhz=arguments.clock, width=arguments.width))
        print(f"{name}: {rows[name]['synthesis_s']} s", file=sys.stderr, flush=True)
        output.keep(arguments.json, list(rows.values()))
    print(table(list(rows.values())))


if __name__ == "__main__":
    output.command(main)
