"""How long verification takes: CPU seconds for each program, beside what `Limits` gives it.

    python bench/verify.py [OBJECT ...] [--before old.json] [--json new.json]

Without objects: the examples, and random programs (those of the fuzzer, from fixed seeds) of about 1,000 and 10,000
instructions. ``--before`` puts an earlier measurement beside this one.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "fuzz"))

from generator import Features, generate
from hardpath.codegen.elf import load
from hardpath.codegen.flow import maps_of
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import Limits, verify
from hardpath.hdl.errors import HardpathError, Refused, VerificationError
from output import command, keep
from rich.console import Console
from rich.table import Table

EXAMPLES = Path(__file__).parent.parent / "examples"

LARGEST_MAP = 1024
"""Entries; larger maps do not fit, which is no matter here."""

RANDOM = {150: range(1, 41), 2000: range(1, 41)}
"""Statements -> seeds of random programs."""

SIZES = ((700, 1_400), (8_000, 14_000))
"""Instructions of those that are measured: what a seed gives varies."""

Subject = tuple[str, ProgramSpec, Mapping[str, MapSpec]]


def objects(paths: list[Path]) -> Iterator[Subject]:
    """Every XDP program of every object that can be loaded."""
    for path in paths:
        try:
            spec = load(path)
        except HardpathError as error:
            print(f"{path}: {str(error).splitlines()[0]}", file=sys.stderr)
            continue
        for program in spec.programs:
            if program.type == "xdp" and program.problem is None:
                maps = maps_of(program, spec.maps)
                small = {n: replace(m, max_entries=min(m.max_entries, LARGEST_MAP)) for n, m in maps.items()}
                yield f"{path.stem}:{program.name}", program, small


def random_programs() -> Iterator[Subject]:
    for statements, seeds in RANDOM.items():
        for seed in seeds:
            program, maps = generate(seed, Features(statements))
            if any(low <= len(program.instructions) <= high for low, high in SIZES):
                yield f"random {statements}/{seed}", program, maps


def measure(name: str, program: ProgramSpec, maps: Mapping[str, MapSpec]) -> dict[str, object]:
    """One program; ``points``: instructions unrolled, None unless it is accepted."""
    gc.collect()
    points: int | None = None
    start = time.process_time()
    try:
        points = len(verify(program, maps).points)
        result = "accepted"
    except VerificationError as error:
        result = f"rejected: {error.category}"
    except Refused as refused:
        result = f"refused: {refused.reason}"
    seconds = time.process_time() - start
    return {
        "program": name,
        "instructions": len(program.instructions),
        "points": points,
        "seconds": round(seconds, 3),
        "result": result,
    }


def _before(row: Mapping[str, object], earlier: Mapping[str, Mapping[str, float]]) -> float | None:
    """Seconds that a program took in the earlier measurement."""
    return earlier[str(row["program"])]["seconds"] if row["program"] in earlier else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", nargs="*", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--before", type=Path, help="what --json wrote earlier")
    parser.add_argument("--least", type=float, default=0.0, help="show only what takes or took so many seconds")
    arguments = parser.parse_args()
    examples = sorted(EXAMPLES.glob("*/*.o"))
    subjects = objects(arguments.objects) if arguments.objects else [*objects(examples), *random_programs()]
    rows = [measure(*subject) for subject in subjects]
    earlier = {row["program"]: row for row in json.loads(arguments.before.read_text())} if arguments.before else {}
    table = Table("program", "instructions", "unrolled", "before", "seconds", "result", title="verification")
    shown = [row for row in rows if max(float(str(row["seconds"])), _before(row, earlier) or 0.0) >= arguments.least]
    for row in shown:
        points, before = row["points"], _before(row, earlier)
        table.add_row(
            str(row["program"]),
            str(row["instructions"]),
            "" if points is None else str(points),
            "" if before is None else f"{before:.2f}",
            f"{row['seconds']:.2f}",
            str(row["result"])[:60],
        )
    Console().print(table)
    limits = Limits()
    print(f"limits: {limits.budget(1_000):.0f} s for 1,000 instructions, {limits.budget(10_000):.0f} s for 10,000")
    keep(arguments.json, rows)


if __name__ == "__main__":
    command(main)
