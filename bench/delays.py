"""Measure the delays of operators with open place-and-route, to compare with (and replace) those of hdl/delays.py.

    python bench/delays.py [--operator add] [--seeds 2] [--json out.json]

Each operator is put between registers on an ECP5 (LFE5UM5G-45F, speed grade 8 is what nextpnr assumes for 5G; give
``--device 45k`` for grade 6) and placed and routed alone. Takes the tools that `hardpath build` takes.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Cat, Module, Signal
from hardpath.boards.toolchain import NEXTPNR, YOSYS, find_tool
from hardpath.hdl.operators import OPERATORS
from output import command, keep
from synthesis import carry_out

CASES: list[tuple[str, int, list[int]]] = [
    ("and", 8, [8, 8]),
    ("mux", 8, [1, 8, 8]),
    ("mux", 64, [1, 64, 64]),
    ("mux", 256, [1, 256, 256]),
    ("eq", 1, [4, 4]),
    ("eq", 1, [16, 16]),
    ("eq", 1, [64, 64]),
    ("ult", 1, [8, 8]),
    ("ult", 1, [16, 16]),
    ("ult", 1, [64, 64]),
    ("add", 8, [8, 8]),
    ("add", 16, [16, 16]),
    ("add", 32, [32, 32]),
    ("add", 64, [64, 64]),
    ("lshr", 8, [8, 3]),
    ("lshr", 64, [64, 6]),
    ("mul", 16, [8, 8]),
    ("mul", 36, [18, 18]),
]


def design(name: str, width: int, arg_widths: list[int]) -> str:
    """Verilog: arguments shifted in bit by bit, the result in a register, shifted out."""
    m = Module()
    serial, load, out = Signal(name="serial"), Signal(name="load"), Signal(name="out")
    held = Signal(sum(arg_widths))
    m.d.sync += held.eq(Cat(serial, held))
    args, low = [], 0
    for arg_width in arg_widths:
        args.append(held[low : low + arg_width])
        low += arg_width
    result, leaving = Signal(width), Signal(width)
    loading = Signal()
    m.d.sync += [result.eq(OPERATORS[name].build(m, width, None, args)), loading.eq(load)]
    m.d.sync += [leaving.eq(leaving >> 1), out.eq(leaving[0])]
    with m.If(loading):
        m.d.sync += leaving.eq(result)
    return str(verilog.convert(m, name="top", ports=[serial, load, out]))


def measure(text: str, device: str, seed: int) -> tuple[float, str]:
    """ns between the registers' ends on the longest path from an argument to the result, and its parts."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "top.v").write_text(text)
        carry_out(find_tool(YOSYS), ["-q", "-p", "read_verilog top.v; synth_ecp5 -top top -json top.json"], folder)
        options = ["-q", f"--{device}", "--package", "CABGA381", "--json", "top.json", "--report", "report.json"]
        options += ["--seed", str(seed), "--freq", "250", "--timing-allow-fail", "--lpf-allow-unconstrained"]
        carry_out(find_tool(NEXTPNR), options, folder)
        paths = json.loads(Path(folder, "report.json").read_text())["critical_paths"]
    (path,) = (p["path"] for p in paths if p["from"] == p["to"])
    parts = dict.fromkeys(("clk-to-q", "logic", "routing", "setup"), 0.0)
    for step in path:
        parts[step["type"]] = parts.get(step["type"], 0.0) + step["delay"]
    hops = sum(step["type"] == "routing" for step in path)
    text = ", ".join(f"{kind} {ns:.2f}" for kind, ns in parts.items())
    return parts["logic"] + parts["routing"], f"{text}, {hops} hops"


def main() -> None:
    """Print a table, best of the seeds for each case."""
    parser = argparse.ArgumentParser(description="Measure operator delays on an ECP5.")
    parser.add_argument("--operator", help="only this one")
    parser.add_argument("--seeds", type=int, default=1, help="placements to try; the best one counts")
    parser.add_argument("--device", default="45k", help="nextpnr-ecp5 device option (default: 45k)")
    parser.add_argument("--json", type=Path, help="write the figures here")
    options = parser.parse_args()
    figures = []
    print(f"{'operator':>8} {'width':>5} {'model':>6} {'measured':>8}")
    for name, width, arg_widths in CASES:
        if options.operator not in (None, name):
            continue
        model = OPERATORS[name].delay(width, arg_widths, None, [None] * len(arg_widths))
        text = design(name, width, arg_widths)
        ns, parts = min(measure(text, options.device, seed) for seed in range(1, options.seeds + 1))
        print(f"{name:>8} {max(arg_widths):>5} {model:>6.2f} {ns:>8.2f}  {parts}", flush=True)
        figures.append({"operator": name, "width": max(arg_widths), "model_ns": model, "measured_ns": ns})
    keep(options.json, figures)


if __name__ == "__main__":
    command(main)
