"""A capture of a million packets through the firewall, as a user would type it: time and memory.

    python bench/million.py [--count 1000000] [--json out.json]

``hardpath sim firewall.o -r IN.pcapng -w OUT.pcapng``, built before, beside the same with a tenth of the packets:
memory must not grow with the capture. Memory is the greatest of any process that takes part; ``cpu`` is processor time
of all of them, which other work on the machine does not stretch.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hardpath.sim.captures import write_frames
from hardpath.sim.traffic import traffic
from output import command, keep
from rich.console import Console
from rich.table import Table

FIREWALL = Path(__file__).parent.parent / "examples" / "firewall" / "firewall.o"
RUN = "import sys; from hardpath.cli.main import main; sys.exit(main(sys.argv[1:]))"


def sim(capture: Path, out: Path) -> dict[str, object]:
    """One run of the command."""
    words = [sys.executable, "-c", RUN, "sim", str(FIREWALL), "-r", str(capture), "-w", str(out), "-j"]
    started = time.perf_counter()
    with subprocess.Popen(words, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        answer = json.loads(process.stdout.read())
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - started
    if process.returncode:
        raise SystemExit(f"{' '.join(words)} ended with status {process.returncode}")
    return {
        "frames": answer["frames"],
        "wall_s": round(wall, 2),
        "cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "simulation_s": answer["wall_s"],
        "memory_mib": used.ru_maxrss // 1024,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="hardpath-") as folder:
        capture, out = Path(folder, "in.pcapng"), Path(folder, "out.pcapng")
        for count in (1, arguments.count // 10, arguments.count):
            with open(capture, "wb") as file:
                write_frames(file, traffic("many-flows", count))
            row = sim(capture, out)
            if count > 1:  # the first one is there to build
                rows.append(row)
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*(f"{value:,}" for value in row.values()))
    Console().print(table)
    keep(arguments.json, rows)


if __name__ == "__main__":
    command(main)
