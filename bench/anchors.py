"""The programs that others have published figures for, here: hardware, Linux on this machine, and the tools themselves.

    python bench/anchors.py [NAME ...] [--count 5000] [--synthesize] [--write] [--check]
    python bench/anchors.py --history

Every program (own sources, in examples/) is measured in a process of its own: cycles of a 64-byte frame (60 bytes
without FCS) and its latency as in bench/examples.py, stages, area, clock; ns that Linux takes for the same frame on
this machine (BPF_PROG_TEST_RUN, JIT on; `LinuxOracle.time`); the speed of both engines on this frame, without reading
and writing captures; time and memory from object to Verilog. Beside them stands what was published of hXDP (OSDI 2020)
and eHDL (ASPLOS 2023) about programs of the same purpose.

Areas are estimates, and what yosys counted where ``bench/results/synthesis.json`` has the same hardware (by its
digest); ``--synthesize`` does that for the programs named and keeps it. The clock is what the delay model gives for the
longest stage of the program, not what place and route reached.

Each run adds a line to ``bench/results/anchors.jsonl`` and says which figures of the hardware have changed since the
last one, and which of the tools' by more than a quarter; with ``--check`` it fails if one of the hardware is worse.
``--history`` measures nothing and says that of all runs. ``--write`` writes docs/benchmarks.md from the latest figures
of each program, ``--table`` only that.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hardpath.boards.toolchain import YOSYS, find_tool
from hardpath.codegen.schedule import ScheduleReport, report
from hardpath.hdl.area import Area
from hardpath.hdl.target import FASTEST_CLOCK
from hardpath.sim.captures import Frame
from hardpath.sim.compare import fill
from hardpath.sim.engine import Options
from hardpath.sim.linux import LinuxOracle
from hardpath.sim.session import Session, engine
from output import command, table
from synthesis import synthesize

from examples import Example, figures

ROOT = Path(__file__).parent.parent
HISTORY = ROOT / "bench" / "results" / "anchors.jsonl"
SYNTHESIS = ROOT / "bench" / "results" / "synthesis.json"
PAGE = ROOT / "docs" / "benchmarks.md"
HXDP_MHZ = 156.25
SINGLE = 100
"""Runs of Linux at a time; with fewer, reading the clock takes a part of the time that is told."""
FRAMES = {"verilator": 300_000, "cocotb": 50_000}
"""For the speed of an engine."""


@dataclass(frozen=True)
class Published:
    """What was published: hXDP's Mpps and cycles a packet (None: not measured there), Mpps of one x86 core at 2.1 GHz
    (None: only at 3.7 GHz, in ``x86_fast``), eHDL's Mpps."""

    purpose: str
    hxdp_mpps: float | None = None
    hxdp_cycles: float | None = None
    x86: float | None = None
    x86_fast: float | None = None
    ehdl_mpps: float | None = None


PROGRAMS = {
    "drop": Published("drop at once", 52.2, 3.0, 38, 39),
    "mac_swap": Published("swap MACs and transmit", 22.4, 7.0, None, 12.9),
    "redirect": Published("redirect", 15.0, 10.4, None, 9.6),
    "count_protocols": Published("xdp1", 11.3, 13.8, 15.9, 27.9),
    "udp_reflector": Published("xdp2", 6.9, 22.6, 7.0, 12.3),
    "rxq_info": Published("rxq_info", 11.2, 14.0, 19.5, 34.0),
    "icmp_too_big": Published("adjust_tail", 2.64, 59, 4.0, 7.2),
    "router": Published("router_ipv4", 4.0, 39, 4.5, 8.0, 148),
    "tunnel": Published("tx_iptunnel", 2.5, 62, 4.0, 7.2, 148),
    "redirect_map": Published("redirect_map", 9.8, 16.0, 5.5, 9.7),
    "firewall": Published("stateful firewall", 6.53, 23.9, 4.2, 7.4, 148),
    "load_balancer": Published("Katran, minimal", 2.88, 54, 2.6, 4.6),
    "nat": Published("DNAT", ehdl_mpps=148),
    "bypass": Published("Suricata filter", ehdl_mpps=148),
}
"""Example -> the published program of the same purpose. eHDL: 148 Mpps for each of five programs, 64-byte frames at
100 Gb/s."""

LOWER = ("cycles", "worst", "latency_cycles", "stages", "register_bits", "lut4", "flip_flops", "block_rams")
"""Figures of the hardware, which do not depend on the machine: less is better."""

SPEEDS = {"compile_s": -1, "compile_mb": -1, "linux_ns": -1, "verilator_fps": 1, "cocotb_fps": 1}
"""Figures that depend on the machine and on what else it did: 1: more is better, -1: less. What differs by no more than
`NOISE`, a share, is not told."""
NOISE = 0.25


def measure(name: str, count: int) -> dict[str, Any]:
    """One program, in this process, which has done nothing else."""
    example = Example(name)
    before = time.process_time()
    program = example.program()
    hardware = program.verify().compile()
    verilog = hardware.verilog
    compile_s = time.process_time() - before
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    session, target = hardware.session, hardware.design.target
    frame = example.frame(session, 60)
    own = figures(hardware, frame, count)
    stages = report(hardware.design.graph, hardware.design.schedule, target)
    estimate = sum(hardware.area.values(), Area()).figures()
    return {
        "name": name,
        "digest": hardware.design.digest.hex(),
        "frame_bytes": len(frame.data),
        "instructions": own["instructions"],
        "cycles": own["one flow"],
        "worst": max(own["worst"], math.ceil(own["one flow"])),
        "latency_cycles": round(own["latency ns"] * target.clock_mhz / 1000),
        "latency_ns": own["latency ns"],
        "stages": own["stages"],
        "register_bits": own["register bits"],
        "clock_mhz": target.clock_mhz,
        "longest_ns": round(stages.critical.ns, 2),
        "predicted_mhz": predicted_mhz(target.clock_mhz, stages),
        **estimate,
        "device": own["area"],
        **linux_time(session, frame),
        "verilator_fps": speed(session, "verilator", frame),
        "cocotb_fps": speed(session, "cocotb", frame),
        "compile_s": round(compile_s, 1),
        "compile_mb": memory,
        "verilog_kb": len(verilog) // 1024,
    }


def predicted_mhz(clock_mhz: float, stages: ScheduleReport) -> float:
    """The clock at which the longest stage would just fit, as much of the period kept free as now; `FASTEST_CLOCK` for
    programs with next to no logic, whose surroundings are slower."""
    return round(clock_mhz * min(FASTEST_CLOCK / clock_mhz, stages.budget_ns / max(stages.critical.ns, 1e-3)), 1)


def linux_time(session: Session, frame: Frame) -> dict[str, Any]:
    """ns that Linux takes, least of three, and in how many runs at a time."""
    with LinuxOracle(session.design.program, session.maps) as oracle:
        fill(oracle, session.contents)
        ns, runs = min(oracle.time(frame.data) for _ in range(3))
        return {"linux_ns": ns, "linux_runs": runs}


def speed(session: Session, name: str, frame: Frame) -> int:
    """Frames a second of processor time, once the simulation is built."""
    runner, options, count = engine(name), Options(), FRAMES[name]
    runner.prepare(session.netlist, options)

    def seconds(frames: int) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        session.run(runner, [frame] * frames, options, read_maps=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # What starting the simulator and filling the maps takes is in both.
    return round((count - count // 10) / max(1e-3, seconds(count) - seconds(count // 10)))


# The run


def where() -> dict[str, str]:
    """What figures depend on."""

    def first(path: str, key: str) -> str:
        lines = Path(path).read_text().splitlines()
        return next((line.split(":", 1)[1].strip() for line in lines if line.startswith(key)), "unknown")

    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True)
    return {
        "command": "python bench/anchors.py",
        "commit": commit.stdout.strip() or "unknown",
        "machine": f"{first('/proc/cpuinfo', 'model name')}, {os.cpu_count()} CPUs, Linux {platform.release()}",
        "date": datetime.date.today().isoformat(),
        "jit": Path("/proc/sys/net/core/bpf_jit_enable").read_text().strip(),
    }


def alone(name: str, count: int) -> dict[str, Any]:
    """`measure` in a process of its own."""
    words = [sys.executable, __file__, "--one", name, "--count", str(count)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.strip().splitlines()[-1]}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def changes(before: Sequence[dict[str, Any]], now: Sequence[dict[str, Any]]) -> tuple[list[str], bool]:
    """What differs, in words, and whether a figure of the hardware is worse."""
    old = {row["name"]: row for row in before}
    words, worse = [], False
    for row in now:
        for key in LOWER:
            was = old.get(row["name"], {}).get(key)
            if was is not None and was != row[key]:
                worse |= row[key] > was
                words.append(f"{row['name']}: {key} {was} -> {row[key]}{' (worse)' if row[key] > was else ''}")
        for key, sign in SPEEDS.items():
            was = old.get(row["name"], {}).get(key)
            if was is not None and abs(row[key] - was) > NOISE * min(row[key], was):
                words.append(f"{row['name']}: {key} {was} -> {row[key]}{' (slower)' * (sign * (row[key] - was) < 0)}")
    return words, worse


def history() -> list[dict[str, Any]]:
    """Former runs, the oldest first."""
    return [json.loads(line) for line in HISTORY.read_text().splitlines()] if HISTORY.exists() else []


def told(runs: Sequence[dict[str, Any]]) -> str:
    """What has changed from run to run, of each program since it was measured last."""
    lines, known_rows = [], dict[str, dict[str, Any]]()
    for run in runs:
        words, _ = changes(list(known_rows.values()), run["rows"])
        new = [row["name"] for row in run["rows"] if row["name"] not in known_rows]
        lines.append(f"{run['commit']} of {run['date']}, {run['machine']}: {len(run['rows'])} programs")
        lines += [f"  {name}: first figures" for name in new] + [f"  {each}" for each in words]
        known_rows |= {row["name"]: row for row in run["rows"]}
    return "\n".join(lines)


def older(runs: Sequence[dict[str, Any]]) -> str:
    """Which programs the last run has not measured, and where their figures are from."""
    latest = {row["name"]: run["commit"] for run in runs for row in run["rows"]}
    names: dict[str, list[str]] = {}
    for name in PROGRAMS:
        if latest[name] != runs[-1]["commit"]:
            names.setdefault(latest[name], []).append(name)
    return "".join(f"; at {commit}: {', '.join(those)}" for commit, those in names.items())


def last_rows(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The last figures of each program."""
    return {row["name"]: row for run in runs for row in run["rows"]}


# Tables


def synthesized() -> dict[str, dict[str, Any]]:
    """What yosys counted, by digest."""
    return json.loads(SYNTHESIS.read_text()) if SYNTHESIS.exists() else {}


def area_of(row: dict[str, Any], key: str) -> str:
    made = synthesized().get(row["digest"])
    return f"{row[key]:,} / " + (f"{made[key]:,}" if made else "not counted")


def known(value: float | None, text: Callable[[float], str] = lambda value: f"{value:g}") -> str:
    return "not published" if value is None else text(value)


def hardware_row(row: dict[str, Any]) -> list[str]:
    other, single = PROGRAMS[row["name"]], row["linux_runs"] < SINGLE
    mpps = row["clock_mhz"] / row["cycles"]
    x86 = f"{other.x86:g}" if other.x86 else known(other.x86_fast, lambda value: f"{value:g} (3.7 GHz)")
    return [
        row["name"],
        other.purpose,
        f"{row['cycles']:g}",
        f"{row['worst']}",
        known(other.hxdp_cycles),
        f"{mpps:.1f}",
        known(other.hxdp_mpps),
        known(other.ehdl_mpps),
        x86,
        f"{'≥ ' * single}{1000 / row['linux_ns']:.1f}",
        f"{'≤ ' * single}{row['linux_ns']:.0f}",
    ]


HARDWARE = (
    "program", "published as", "cycles", "worst", "hXDP cycles", "Mpps", "hXDP Mpps", "eHDL Mpps", "x86 Mpps",
    "Linux here Mpps", "Linux here ns",
)  # fmt: skip


def made_row(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        f"{row['instructions']:,}",
        f"{row['stages']}",
        f"{row['latency_cycles']}",
        f"{row['latency_ns']:g}",
        f"{row['predicted_mhz']:g}",
        area_of(row, "lut4"),
        area_of(row, "flip_flops"),
        area_of(row, "block_rams"),
        row["device"],
    ]


MADE = (
    "program", "instructions", "stages", "latency cycles", "latency ns", "clock MHz", "LUT4", "flip-flops",
    "block RAMs", "area",
)  # fmt: skip


def tools_row(row: dict[str, Any]) -> list[str]:
    return [
        row["name"],
        f"{row['compile_s']:g}",
        f"{row['compile_mb']:,}",
        f"{row['verilog_kb']:,}",
        f"{row['verilator_fps']:,}",
        f"{row['cocotb_fps']:,}",
    ]


TOOLS = ("program", "compile s", "compile MiB", "Verilog KiB", "verilator frames/s", "cocotb frames/s")


def tables(rows: Sequence[dict[str, Any]]) -> str:
    """All three, in Markdown."""
    parts = ((HARDWARE, hardware_row), (MADE, made_row), (TOOLS, tools_row))
    return "\n\n".join("\n".join(table(head, map(make, rows))) for head, make in parts)


def page(run: dict[str, Any]) -> str:
    """docs/benchmarks.md."""
    speed_up, cycles, worst_case = tables(run["rows"]).split("\n\n")
    return f"""# Benchmarks

By `{run['command']}` at commit {run['commit']} on {run['date']}; machine:
{run['machine']}{run['older']}.
`--write` makes this page; `--check` fails if a figure of the hardware is worse than in the last run; `--history` says
what has changed from run to run (`bench/results/anchors.jsonl`).

The programs are our own (`examples/`), with the purpose of those that were published, not their sources. A frame has 64
bytes with FCS, and comes again and again, back to back, at 64 bytes a beat; the hardware's clock is
{run['rows'][0]['clock_mhz']:g} MHz. *Worst* is what any traffic can cost in cycles a frame. hXDP (Brunella and others,
OSDI 2020) is one soft processor for all programs and runs at {HXDP_MHZ} MHz; eHDL (Rivitti and others, ASPLOS 2023)
makes pipelines, of which only the rate is published; x86 is one core at 2.1 GHz, from the former. *Linux here* is one
core of this machine with the same frame (`BPF_PROG_TEST_RUN`, JIT on): what the program alone takes, no driver around
it. Where it changes the frame such that it would treat it otherwise the next time, the kernel's clock around a single
run tells, which adds the time of reading it (≤). Short frames only pass through
icmp_too_big.

{speed_up}

Latency is from the first beat in to the first beat out or to the verdict. *Clock* is what the delay model of an ECP5
gives for the longest stage of the program, not a result of place and route; the datapath around it may be slower. Areas
are those of a whole datapath with its control bus: the estimate before synthesis, and behind the stroke what
{' or '.join(sorted({made['yosys'] for made in synthesized().values()}))}
counted (`synth_ecp5`; `--synthesize NAME`, minutes; *not counted*: not yet run to its end on this hardware).

{cycles}

*Compile* is from the object to Verilog, in seconds of processor time and the process's greatest memory. Engines: frames
a second of processor time, once built, frames from memory.

{worst_case}
"""


def write_page(runs: Sequence[dict[str, Any]]) -> None:
    """The page, of the last figures of each program."""
    latest = last_rows(runs)
    if missing := [name for name in PROGRAMS if name not in latest]:
        raise SystemExit(f"no figures of {', '.join(missing)}")
    PAGE.write_text(page(runs[-1] | {"rows": [latest[name] for name in PROGRAMS], "older": older(runs)}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known_names = ", ".join(PROGRAMS)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"by default all: {known_names}")
    parser.add_argument("--count", type=int, default=5000, help="frames for the cycles")
    parser.add_argument("--synthesize", action="store_true", help="ask yosys as well, which takes minutes")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    parser.add_argument("--table", action="store_true", help="measure nothing, write the page of what is known")
    parser.add_argument("--history", action="store_true", help="measure nothing, say what has changed from run to run")
    parser.add_argument("--check", action="store_true", help="fail if a figure of the hardware is worse than before")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, arguments.count)))
        return
    if arguments.history:
        print(told(history()))
        return
    if arguments.table:
        write_page(history())
        return
    unknown = sorted(set(arguments.names) - set(PROGRAMS))
    if unknown:
        parser.error(f"{unknown[0]} is none of {known_names}")
    runs, rows = history(), []
    run: dict[str, Any] = where() | {"rows": rows}
    try:
        for name in arguments.names or PROGRAMS:
            print(f"{name} ...", file=sys.stderr, flush=True)
            rows.append(alone(name, arguments.count))
            if arguments.synthesize:
                found = synthesize(Example(name).program().verify().compile().verilog).figures()
                found = {**found, "yosys": str(find_tool(YOSYS))}
                SYNTHESIS.write_text(json.dumps(synthesized() | {rows[-1]["digest"]: found}, indent=1) + "\n")
    finally:  # what was measured stays, also if there was no end to it
        if rows:
            with HISTORY.open("a") as file:
                file.write(json.dumps(run) + "\n")
    words, worse = changes(list(last_rows(runs).values()), rows)
    print(tables(rows))
    print("\n".join(words) if words else "nothing has changed", file=sys.stderr)
    if arguments.write:
        write_page([*runs, run])
    if arguments.check and worse:
        raise SystemExit(1)


if __name__ == "__main__":
    command(main)
