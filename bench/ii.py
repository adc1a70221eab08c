"""Area against initiation interval, and what hardware for ports of each speed takes.

    python bench/ii.py [NAME ...] [--synthesize NAME] [--json bench/results/ii.json] [--page docs/line-rate.md]

Estimates with the bus, clock and interval that ``--ports`` chooses, and at 1g with smaller intervals. ``--synthesize``
counts what synth_ecp5 makes of the 1g hardware (minutes). ``--page`` keeps the tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hardpath.cli.report import document
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import Design, compile_program
from hardpath.hdl.line_rate import PORTS
from hardpath.hdl.target import Target
from output import command, keep, table
from synthesis import synthesize

EXAMPLES = Path(__file__).parent.parent / "examples"
CHOSEN = ("drop", "firewall", "router", "tunnel")
COLUMNS = {
    "ports": "ports", "width": "bytes a beat", "ii": "II", "stages": "stages", "at_worst": "cycles a frame at worst",
    "carries_gbps": "Gb/s", "lut4": "LUT4", "flip_flops": "flip-flops", "block_rams": "block RAMs",
}  # fmt: skip


def built(name: str, speed: str) -> Design:
    """An example for ports of a speed."""
    ports, spec = PORTS[speed], load(EXAMPLES / name / f"{name}.o")
    clock = ports.clock_mhz
    target = Target(clock, ports.width(clock, Target.max_frame), ii=ports.ii(clock))
    return compile_program(spec, select(spec), target)


def measure(name: str, synthesized: bool) -> dict[str, Any]:
    """One example."""
    rows, intervals, made = [], [], None
    for speed in PORTS:
        design = built(name, speed)
        facts = document(design)
        area = {key: facts["area"][key] for key in ("lut4", "flip_flops", "block_rams")}
        rows.append({
            "ports": speed, "width": design.target.width, "ii": facts["initiation_interval"],
            "stages": facts["stages"], "at_worst": design.worst_cycles, "carries_gbps": facts["carries_at_worst_gbps"],
            **area,
        })  # fmt: skip
        if speed == "1g":
            intervals = facts["intervals"]
            made = synthesize(design.verilog).figures() if synthesized else None
    return {"program": name, "ports": rows, "intervals": intervals, "synthesized": made}


def page(results: Iterable[dict[str, Any]]) -> str:
    """The tables in Markdown."""
    lines = [
        "# What line rate costs",
        "",
        "By `python bench/ii.py`: estimates of the whole datapath ([why](decisions/019-initiation-interval.md)).",
        "*Gb/s*: the line that it keeps up with under the worst traffic, the shortest frames back to back.",
        "",
    ]
    for each in results:
        lines += [f"## {each['program']}", ""]
        lines += columns_of(COLUMNS, each["ports"])
        if each["synthesized"]:
            made = each["synthesized"]
            lines += [
                f"Yosys (synth_ecp5) made {made['lut4']:,} LUT4 (a carry cell counts as two), {made['flip_flops']:,} "
                f"flip-flops and {made['block_rams']} block RAMs of the hardware for 1g.",
                "",
            ]
        lines += ["The same bus and stages as for 1g, by `--ii`:", ""]
        names = ("ii", "worst_cycles", "carries_gbps", "lut4", "flip_flops", "block_rams")
        heads = dict(zip(names, ("--ii", "cycles a frame at worst", "Gb/s", *list(COLUMNS.values())[-3:]), strict=True))
        lines += columns_of(heads, each["intervals"])
    return "\n".join(lines)


def columns_of(columns: dict[str, str], rows: Iterable[dict[str, Any]]) -> list[str]:
    """A table of these columns, and an empty line."""
    return [*table(columns.values(), ([row[key] for key in columns] for row in rows)), ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", default=CHOSEN)
    parser.add_argument("--synthesize", action="append", default=[], metavar="NAME")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--page", type=Path)
    arguments = parser.parse_args()
    results = [measure(name, name in arguments.synthesize) for name in arguments.names]
    print(page(results), end="")
    keep(arguments.json, results)
    if arguments.page:
        arguments.page.write_text(page(results))


if __name__ == "__main__":
    command(main)
