"""Raw programs on their generated hardware: pipelines alone, many in one run of Icarus Verilog.

Icarus because compiling takes longer than running here: each pipeline sees a few inputs only.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from amaranth.lib.wiring import Flow

from ..codegen.emit import verilog_of
from ..codegen.flow import Design
from .engine import SimulationError
from .raw import inputs
from .toolchain import require

_STREAMS = frozenset({"input_payload", "input_valid", "input_ready", "output_payload", "output_valid", "output_ready"})
_CYCLES_PER_FRAME = 256
"""No frame waits longer than this for those in front of it."""


def simulate(runs: Sequence[tuple[Design, Sequence[bytes]]]) -> list[list[int]]:
    """r0 of each design for each of its memories, which enter the pipeline back to back.

    The maps of a design keep their contents from one memory to the next. Raises `InputError` when Icarus is not
    installed and `SimulationError` when results are missing.
    """
    if not runs:
        return []
    compiler, runner = require("iverilog", "iverilog"), require("vvp", "iverilog")
    with tempfile.TemporaryDirectory(prefix="hardpath-raw-") as folder:
        source, program = Path(folder, "bench.v"), Path(folder, "bench.vvp")
        source.write_text(_bench(runs))
        _run([compiler, "-g2005", "-s", "bench", "-o", str(program), str(source)])
        output = _run([runner, "-n", str(program)])
    results: list[list[int]] = [[] for _ in runs]
    for line in output.splitlines():
        if (match := re.fullmatch(r"run (\d+): ([0-9a-fx]+)", line)) is None:
            continue
        if "x" in match[2]:
            raise SimulationError(f"the hardware of {runs[int(match[1])][0].program.name} gives undefined bits")
        results[int(match[1])].append(int(match[2], 16))
    for (design, memories), found in zip(runs, results, strict=True):
        if len(found) != len(memories):
            raise SimulationError(f"{design.program.name}: {len(found)} results of {len(memories)} inputs")
    return results


PATIENCE_S = 1800
"""Seconds for one bench: a netlist with a combinational loop would never end."""


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        raise SimulationError(f"{Path(command[0]).name} was still busy after {PATIENCE_S} s") from None
    if done.returncode:
        lines = (done.stderr or done.stdout).splitlines() or ["no message"]
        raise SimulationError(f"{Path(command[0]).name} failed: {lines[0]}")
    return done.stdout


def _bench(runs: Sequence[tuple[Design, Sequence[bytes]]]) -> str:
    """All pipelines, each with a driver of its own, on one clock."""
    cycles = max((d.pipeline.latency + _CYCLES_PER_FRAME * (len(m) + 1) for d, m in runs))
    parts = [verilog_of({f"pipeline_{number}": design.pipeline for number, (design, _) in enumerate(runs)})]
    parts += [_driver(design, memories, number) for number, (design, memories) in enumerate(runs)]
    drivers = "\n".join(f"  driver_{number} driver_{number}(clk, rst, done[{number}]);" for number in range(len(runs)))
    parts.append(f"""
module bench;
  reg clk = 0, rst = 1;
  wire [{len(runs) - 1}:0] done;
{drivers}
  always @(posedge clk) if (&done) $finish;
  initial begin
    repeat (4) #1 clk = ~clk;
    rst = 0;
    repeat ({2 * cycles}) #1 clk = ~clk;
    $finish;
  end
endmodule
""")
    return "".join(parts)


def _driver(design: Design, memories: Sequence[bytes], number: int) -> str:
    """Offers one memory a cycle and prints each result."""
    pipeline: Any = design.pipeline
    layout = pipeline.input.payload.shape()
    names = {"_".join(map(str, path)): member for path, member, _ in pipeline.signature.flatten(pipeline)}
    idle = "".join(f", .{n}(0)" for n, member in names.items() if member.flow is Flow.In and n not in _STREAMS)
    frames = []
    for position, memory in enumerate(memories):
        fields = {name: value for name, value in inputs(memory).items() if name in layout.members}
        frames.append(f"    frames[{position}] = {layout.size}'h{layout.const(fields).as_value().value:x};")
    sent = "\n".join(frames)
    last = len(memories)
    return f"""
module driver_{number}(input clk, input rst, output done);
  reg [{layout.size - 1}:0] frames [0:{last}];
  integer sent = 0, received = 0;
  assign done = received == {last};
  wire ready, valid;
  wire [63:0] result;
  initial begin
{sent}
    frames[{last}] = 0;
  end
  pipeline_{number} dut(.clk(clk), .rst(rst), .input_valid(!rst && sent < {last}), .input_ready(ready),
    .input_payload(frames[sent]), .output_valid(valid), .output_ready(1'b1), .output_payload(result){idle});
  always @(posedge clk) if (!rst) begin
    if (sent < {last} && ready) sent <= sent + 1;
    if (valid) begin
      received <= received + 1;
      $display("run {number}: %h", result);
    end
  end
endmodule
"""
