"""From the pins of one PHY to the pins of the other, through real programs, equal to what Linux makes of the frames."""

from __future__ import annotations

import json
import shutil

import bump_native
import icarus
import pytest
from bump_frames import captured
from bump_native import EXAMPLES, PERIOD_PS, designs, specs, with_fcs
from bump_oracle import Expected
from hardpath.codegen.emit.verilog import verilog
from hardpath.hdl.bump import Bump
from hardpath.hdl.mac.ecp5_pins import CELLS
from hardpath.hdl.mac.mac import COUNTERS
from hardpath.hdl.mac.port import PortShape
from hardpath.sim import native_build

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="install iverilog")


def path(name):
    return EXAMPLES / name / f"{name}.o"


def bump(*names):
    made = designs(*((path(name),) for name in names))
    return Bump([design.datapath for design in made], PortShape(), 1e12 / PERIOD_PS)


def run(folder, names, frames):
    """What comes out at both ports, and the counters."""
    icarus.build(folder, verilog(bench.Bench(bump(*names)), "bump") + CELLS, "bump", "1fs")
    (folder / "in.json").write_text(
        json.dumps({"period_ps": PERIOD_PS, "frames": [[frame.hex() for frame in each] for each in frames]})
    )
    environment = {"BUMP_IN": str(folder / "in.json"), "BUMP_OUT": str(folder / "out.json")}
    icarus.run(folder, "bump", "bump_bench", ["exchange"], environment)
    answer = json.loads((folder / "out.json").read_text())
    counters = [
        {name: bits >> field.offset & 0xFFFFFFFF for name, field in COUNTERS if bits >> field.offset & 0xFFFFFFFF}
        for bits in answer["counters"]
    ]
    return [[bytes.fromhex(frame) for frame in each] for each in answer["frames"]], counters, answer["unreachable"]


def ways_of(names, frames):
    """What shall come out, by port that it came from and port that it goes to."""
    return Expected([specs(path(name)) for name in names], [[] for _ in names], frames).ways


def same(out, wanted):
    """``out[port]`` is what came out; in the order of each source."""
    for port in range(2):
        for source in range(2):
            others = set(wanted[1 - source, port])
            assert not others & set(wanted[source, port])
            assert [frame for frame in out[port] if frame not in others] == wanted[source, port], (source, port)


@needs_icarus
@pytest.mark.slow  # test_bump_shared.py goes from pin to pin each time
def test_two_programs_from_pin_to_pin_are_what_linux_makes_of_the_frames(tmp_path):
    names = ("port_filter", "icmp_echo")
    frames = [captured(names, seed, 40) for seed in (1, 2)]
    wanted = ways_of(names, frames)
    assert all(len(wanted[way]) > 2 for way in ((0, 1), (1, 0), (1, 1))), "every way is taken"

    on_wire = [[with_fcs(frame) for frame in each] for each in frames]
    on_wire[0].insert(7, b"\0" + with_fcs(frames[0][0])[1:-1] + b"\0")  # a wrong FCS
    on_wire[1].insert(9, with_fcs(frames[1][0][:40]))  # a runt
    out, counters, unreachable = run(tmp_path, names, on_wire)
    same(out, wanted)
    assert unreachable == [0, 0]
    assert counters[0] == {"rx_good": 40, "rx_fcs": 1, "tx_good": len(out[0])}
    assert counters[1] == {"rx_good": 40, "rx_runt": 1, "tx_good": len(out[1])}


@pytest.mark.slow
def test_ten_thousand_frames_both_ways_at_line_rate_and_none_is_lost(tmp_path):
    names, count = ("port_filter", "icmp_echo"), 10_000
    frames = [captured(names, seed, count) for seed in (1, 2)]
    wanted = ways_of(names, frames)
    assert all(len(wanted[way]) > count / 10 for way in ((0, 1), (1, 0), (1, 1)))
    program = bump_native.build(bench.Bench(bump(*names)), native_build.FAST)
    out, began = bump_native.exchange(program, tmp_path, [[with_fcs(frame) for frame in each] for each in frames])
    same([[each.frame for each in out if each.port == port] for port in range(2)], wanted)
    for each, starts in zip(frames, began, strict=True):
        line_ns = sum(8 * (8 + len(frame) + 4 + 12) for frame in each[:-1])
        assert (starts[-1] - starts[0]) * PERIOD_PS / 1000 == pytest.approx(line_ns, rel=2e-4), "no idle time"
