"""Bitstreams of examples for boards, and the table of docs/boards.md.

    python bench/boards.py [--board NAME ...] [--program NAME ...] [--seeds N] [--jobs M]

Builds what is chosen (all by default: hours without native tools), keeps figures in bench/results/boards.json, where
those of other runs stay, and writes the table anew. With ``--reports`` nothing is built: figures come from the
report.json of builds by ``hardpath build`` (its default options, and for the router ``--map-size routes=1024``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import output
from hardpath.boards import flow, needs, toolchain
from hardpath.boards.board import BOARDS
from hardpath.boards.report import document
from hardpath.codegen.elf import select
from hardpath.codegen.flow import compile_program
from hardpath.hdl.errors import HardpathError
from hardpath.sim.program import open_object

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "boards.json"
PAGE = ROOT / "docs" / "boards.md"
BEGIN, END = "<!-- table -->\n", "<!-- end -->"

PROGRAMS = {
    "drop": "drop",
    "mac_swap": "MAC swap",
    "count_protocols": "parse and count",
    "port_filter": "port filter",
    "source_counter": "per-source counter",
    "firewall": "stateful firewall",
    "router": "router",
    "tunnel": "IPIP tunnel",
}
MAP_SIZES = {"router": {"routes": 1024}}
"""Where a comparison asks for other sizes than the examples have."""

CHOSEN = ("colorlight_5a75b_r7_0", "versa_ecp5")
"""Boards of the table: the first two, one of each grade and size."""

HEAD = ("program", "board", "datapath MHz: reached / given / needed", "lines MHz", "LUT4", "flip-flops", "block RAM",
        "DSP", "stages", "II", "latency ns", "result")  # fmt: skip


def measure(name: str, board_name: str, seeds: int, jobs: int) -> dict[str, object]:
    """One bitstream."""
    board, found = BOARDS[board_name], toolchain.find()
    spec = open_object(ROOT / "examples" / name / f"{name}.o", map_sizes=MAP_SIZES.get(name, {}))
    design = compile_program(spec, select(spec), needs.target_of(board))
    built = flow.build(board, [design], found, seeds=range(1, seeds + 1), jobs=jobs)
    return document(built, [design])


def kept(facts: dict[str, object]) -> dict[str, object]:
    """What the results file has of a report. Lines of sources change too often; paths are of clocks that are missed."""
    some = {key: value for key, value in facts.items() if key != "lines"}
    if "clocks" in some:
        some["clocks"] = [{**clock, "path": [] if clock["meets"] else clock["path"]} for clock in some["clocks"]]
    return some


def cells(name: str, board: str, facts: dict[str, object] | None) -> list[str]:
    """A row of the table."""
    what = [PROGRAMS[name], board]
    if facts is None:
        return [*what, *[""] * (len(HEAD) - 3), "not run"]
    if "refused" in facts:
        return [*what, *[""] * (len(HEAD) - 3), f"refused: {facts['refused']}"]
    area, used = facts["area"], facts["used"]
    clocks = {clock["domain"]: clock for clock in facts["clocks"]}
    datapath = clocks.pop("sync", None)
    lines = min((clock["reached_mhz"] for clock in clocks.values() if clock["reached_mhz"]), default=None)
    if not facts["fits"]:
        result = f"{facts['share']:.2f} times the {facts['scarcest']}"
    else:
        result = "bitstream" if facts["meets_timing"] else "too slow" if facts["clocks"] else "not placed"
    if datapath and facts["needs_mhz"] > datapath["mhz"]:
        result += f", {datapath['mhz'] / facts['needs_mhz']:.0%} of line rate with the worst traffic"
    return [
        *what,
        f"{datapath['reached_mhz']:.1f} / {datapath['mhz']:g} / {facts['needs_mhz']:.1f}" if datapath else "",
        f"{lines:.1f} / 125" if lines else "",
        f"{used['TRELLIS_COMB'][0] if used else area['lut4']:,}",
        f"{area['flip_flops']:,}",
        str(area["block_rams"]),
        str(area["multipliers"]),
        str(facts["stages"]),
        str(facts["initiation_interval"]),
        f"{facts['latency_ns']:g}",
        result,
    ]


def table(results: dict[str, dict[str, object]]) -> str:
    """All rows as Markdown."""
    rows = [cells(name, board, results.get(f"{name} {board}")) for board in CHOSEN for name in PROGRAMS]
    return "".join(f"{each}\n" for each in output.table(HEAD, rows))


def write(path: Path, text: str) -> None:
    """All at once: a run that is ended loses no row."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as scratch:
        scratch.write(text)
    Path(scratch.name).chmod(0o644)
    Path(scratch.name).replace(path)


def publish(results: dict[str, dict[str, object]]) -> None:
    """Results into their file, the table into the page."""
    write(RESULTS, json.dumps(results, indent=1, sort_keys=True) + "\n")
    page = PAGE.read_text()
    front, rest = page.split(BEGIN)
    write(PAGE, front + BEGIN + table(results) + END + rest.split(END)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--board", nargs="+", choices=list(BOARDS), default=list(CHOSEN))
    parser.add_argument("--program", nargs="+", choices=list(PROGRAMS), default=list(PROGRAMS))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--reports", type=Path, nargs="*", help="report.json of builds")
    arguments = parser.parse_args()
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for path in arguments.reports or ():
        facts = json.loads(path.read_text())
        results[f"{facts['program']} {facts['board']}"] = kept(facts)
    for board in arguments.board if arguments.reports is None else ():
        for name in arguments.program:
            try:
                facts = measure(name, board, arguments.seeds, arguments.jobs)
            except HardpathError as error:
                facts = {"refused": str(error)}
            results[f"{name} {board}"] = kept(facts)
            publish(results)
            print(" | ".join(cells(name, board, facts)), flush=True)
    publish(results)


if __name__ == "__main__":
    output.command(main)
