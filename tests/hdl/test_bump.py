"""From the pins of one PHY to the pins of the other, through real programs, equal to what Linux makes of the frames."""

from __future__ import annotations

import json
import random
import shutil
import zlib
from pathlib import Path

import pytest
from hardpath.codegen.elf import load, select
from hardpath.codegen.emit.verilog import verilog
from hardpath.codegen.flow import compile_program
from hardpath.hdl.bump import Bump
from hardpath.hdl.mac.ecp5_pins import CELLS
from hardpath.hdl.mac.mac import COUNTERS
from hardpath.hdl.mac.port import PortShape
from hardpath.hdl.target import Target
from hardpath.sim.captures import read_capture
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")
pytestmark = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog is missing: install iverilog")

EXAMPLES = Path(__file__).parents[2] / "examples"
PERIOD_PS = 10_000
TARGET = Target(clock_mhz=1e6 / PERIOD_PS, width=8, max_frame=1518)
ABORTED, DROP, PASS, TX = range(4)


def program(name):
    spec = load(EXAMPLES / name / f"{name}.o")
    return spec, select(spec, None, None)


def run(folder, names, frames):
    """What comes out at both ports, and the counters."""
    from cocotb_tools.runner import get_runner

    designs = [compile_program(*program(name), TARGET) for name in names]
    bump = Bump([design.datapath for design in designs], PortShape(), 1e12 / PERIOD_PS)
    source = folder / "bump.v"
    source.write_text("`timescale 1ps/1fs\n" + verilog(bench.Bench(bump), "bump") + CELLS)
    (folder / "in.json").write_text(
        json.dumps({"period_ps": PERIOD_PS, "frames": [[frame.hex() for frame in each] for each in frames]})
    )
    runner = get_runner("icarus")
    runner.build(
        sources=[source], hdl_toplevel="bump", build_dir=folder, timescale=("1ps", "1fs"), log_file=folder / "build.log"
    )
    runner.test(
        test_module="bump_bench",
        hdl_toplevel="bump",
        hdl_toplevel_lang="verilog",
        build_dir=folder,
        test_dir=folder,
        extra_env={"BUMP_IN": str(folder / "in.json"), "BUMP_OUT": str(folder / "out.json")},
        log_file=folder / "run.log",
    )
    answer = json.loads((folder / "out.json").read_text())
    counters = [
        {name: bits >> field.offset & 0xFFFFFFFF for name, field in COUNTERS if bits >> field.offset & 0xFFFFFFFF}
        for bits in answer["counters"]
    ]
    return [[bytes.fromhex(frame) for frame in each] for each in answer["frames"]], counters, answer["unreachable"]


def frames_of(name, seed, count):
    """Of the example's capture, as long as a frame on the wire is, each with a number in its padding or tail."""
    random_ = random.Random(seed)
    captured = [frame.data for frame in read_capture(str(EXAMPLES / name / "capture.pcap"))]
    chosen = [random_.choice(captured)[:1500] for _ in range(count)]
    return [(frame + bytes([seed, i]) + bytes(60))[: max(60, len(frame) + 2)] for i, frame in enumerate(chosen)]


def with_fcs(frame):
    return frame + zlib.crc32(frame).to_bytes(4, "little")


def oracle(name):
    spec, chosen = program(name)
    return (Interpreter if available() else LinuxOracle)(chosen, spec.maps)


def test_two_programs_from_pin_to_pin_are_what_linux_makes_of_the_frames(tmp_path):
    names = ("port_filter", "icmp_echo")
    frames = [frames_of(name, seed, 60) for seed, name in enumerate(names, 1)]
    expected = {(source, port): [] for source in range(2) for port in range(2)}
    for i, name in enumerate(names):
        with oracle(name) as linux:
            for frame in frames[i]:
                outcome = linux.run(frame)
                assert outcome.verdict in (ABORTED, DROP, PASS, TX)
                if outcome.verdict >= PASS:
                    expected[i, i if outcome.verdict == TX else 1 - i].append(outcome.frame.ljust(60, b"\0"))
    assert len(expected[0, 1]) > 5 and len(expected[1, 0]) > 5 and len(expected[1, 1]) > 5, "every way is taken"

    on_wire = [[with_fcs(frame) for frame in each] for each in frames]
    on_wire[0].insert(7, b"\0" + with_fcs(frames[0][0])[1:-1] + b"\0")  # a wrong FCS
    on_wire[1].insert(9, with_fcs(frames[1][0][:40]))  # a runt
    out, counters, unreachable = run(tmp_path, names, on_wire)
    for port in range(2):
        for source in range(2):
            mine = expected[source, port]
            others = expected[1 - source, port]
            assert not set(mine) & set(others)
            assert [frame for frame in out[port] if frame not in others] == mine, (source, port)
    assert unreachable == [0, 0]
    assert counters[0] == {"rx_good": 60, "rx_fcs": 1, "tx_good": len(out[0])}
    assert counters[1] == {"rx_good": 60, "rx_runt": 1, "tx_good": len(out[1])}
