"""The area estimate beside what yosys makes of the Verilog.

    python bench/area.py [OBJECT ...] [--json out.json]

Without objects: examples that synthesize in a minute or two. LUT4 counts carry chains (two a CCU2C) and LUT RAM.
Takes the Yosys that `hardpath build` takes (`make test` installs one).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program
from hardpath.hdl.area import Area
from output import command, keep
from rich.console import Console
from rich.table import Table
from synthesis import synthesize

EXAMPLES = Path(__file__).parent.parent / "examples"
CHOSEN = ("drop", "mac_swap", "icmp_echo")


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
    keep(arguments.json, rows)


if __name__ == "__main__":
    command(main)
