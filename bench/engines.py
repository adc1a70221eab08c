"""Packets a second of the simulation engines on compiled programs, captures read and written.

    python bench/engines.py [OBJECT ...] [--count 500000] [--traffic many-flows] [--json out.json]

Without objects: the firewall example. ``cpu`` is processor time of the simulation alone, which other work on the
machine does not stretch; the cocotb engine gets a hundredth of the frames.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path

from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program
from hardpath.sim.captures import write_frames
from hardpath.sim.cocotb_engine import CocotbEngine
from hardpath.sim.engine import Engine, Options
from hardpath.sim.mapfile import load_maps
from hardpath.sim.session import Session
from hardpath.sim.traffic import traffic
from hardpath.sim.verilator_engine import VerilatorEngine
from output import command, keep
from rich.console import Console
from rich.table import Table

FIREWALL = Path(__file__).parent.parent / "examples" / "firewall" / "firewall.o"


def session(path: Path) -> Session:
    """A program with the map contents beside it."""
    spec = load(path)
    design = compile_program(spec, select(spec))
    maps = path.parent / "maps.json"
    return Session(design, load_maps(maps, spec.maps) if maps.exists() else None)


def measure(compiled: Session, engine: Engine, what: str, count: int) -> dict[str, object]:
    """One run with all outputs."""
    with tempfile.TemporaryDirectory(prefix="hardpath-") as folder:
        capture = Path(folder, "in.pcapng")
        with open(capture, "wb") as file:
            write_frames(file, traffic(what, count))
        options = Options(capture_out=Path(folder, "out.pcapng"), frames_out=Path(folder, "out.jsonl"))
        engine.prepare(compiled.netlist, options)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result, _ = compiled.run(engine, capture, options, read_maps=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "program": compiled.design.program.name,
        "engine": result.engine,
        "frames": result.frames,
        "cycles_per_frame": result.cycles_per_frame,
        "packets_per_second": round(result.frames / result.wall_s),
        "packets_per_cpu_second": round(result.frames / cpu),
        "cycles_per_cpu_second": round(result.cycles / cpu),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("objects", nargs="*", type=Path, default=[FIREWALL])
    parser.add_argument("--count", type=int, default=500_000)
    parser.add_argument("--traffic", default="many-flows")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    engines: list[tuple[Engine, int]] = [
        (VerilatorEngine(), arguments.count),
        (CocotbEngine(), max(1, arguments.count // 100)),
    ]
    rows = []
    for path in arguments.objects:
        compiled = session(path)
        rows += [measure(compiled, engine, arguments.traffic, count) for engine, count in engines]
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else str(value) for value in row.values()))
    Console().print(table)
    keep(arguments.json, rows)


if __name__ == "__main__":
    command(main)
