"""What synthesis makes of examples does what their Verilog does, frame by frame, cycle by cycle and map by map."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest
from gates import gates
from hardpath.boards.toolchain import YOSYS
from hardpath.hdl.target import Target
from hardpath.sim.captures import read_capture
from hardpath.sim.cocotb_engine import CocotbEngine
from hardpath.sim.program import load
from hardpath.sim.session import Session
from real_tools import needs

EXAMPLES = Path(__file__).parents[2] / "examples"
LONGEST = 256
FRAMES = 60


@pytest.mark.slow
@needs(YOSYS)
@pytest.mark.skipif(shutil.which("iverilog") is None, reason="install iverilog")
@pytest.mark.parametrize(
    ("name", "sizes"), [("drop", {}), ("port_filter", {}), ("source_counter", {"sources": 16})]
)
def test_gates_are_the_design(name, sizes, tmp_path):
    """``sizes``: maps made smaller, as their memories are of LUTs here."""
    folder = EXAMPLES / name
    (capture,) = folder.glob("capture.pcap*")
    program = load(folder / f"{name}.o", maps=folder / "maps.json", map_sizes=sizes)
    design = program.verify().compile(Target(width=8, max_frame=LONGEST)).design
    fitting = (frame for frame in read_capture(capture) if len(frame.data) <= LONGEST)
    frames = list(islice(fitting, FRAMES))
    session, synthesized = Session(design, program.used), Session(design, program.used)
    synthesized.netlist = gates(session.netlist, tmp_path)
    engine = CocotbEngine("icarus")
    before, after = session.hardware(engine, frames), synthesized.hardware(engine, frames)
    assert after.results == before.results  # latencies too
    assert after.maps == before.maps
    told = session.interpreter(frames)
    assert [(r.verdict, r.out) for r in after.results] == [(r.verdict, r.out) for r in told.results]
    assert after.maps == told.maps
