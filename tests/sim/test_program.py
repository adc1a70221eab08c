"""The Python API: the same answers as the parts that it joins, and the errors of each step."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import hardpath
import pytest
from hardpath.codegen.elf import load as load_object
from hardpath.codegen.elf import select
from hardpath.hdl.errors import InputError, VerificationError
from hardpath.sim.engine import Options, read_results
from hardpath.sim.mapfile import load_maps
from hardpath.sim.toolchain import has_compiler

ROOT = Path(__file__).parents[2]
FILTER = ROOT / "examples" / "port_filter"
needs_compiler = pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")


def test_every_name_of_the_api_is_there_and_loads_nothing_before_it_is_used() -> None:
    assert all(getattr(hardpath, name).__doc__ for name in hardpath.__all__)
    code = "import sys, hardpath; sys.exit(any(m.startswith(('amaranth', 'numpy', 'hardpath.')) for m in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert {*hardpath.__all__} <= {*dir(hardpath)}
    with pytest.raises(AttributeError, match="no attribute 'lod'"):
        _ = hardpath.lod


@needs_compiler
def test_one_line_from_object_to_results(tmp_path: Path) -> None:
    program = hardpath.load(FILTER / "port_filter.o", maps=FILTER / "maps.json")
    hardware = program.verify().compile(hardpath.Target(width=32))
    assert hardware.name == program.name == "port_filter"
    assert hardware.stages > 1 and hardware.design.target.width == 32
    frames = list(hardpath.read_capture(FILTER / "capture.pcap"))
    out = tmp_path / "frames.jsonl"
    simulation = hardware.simulate(FILTER / "capture.pcap", Options(frames_out=out))
    assert simulation.frames == list(read_results(out))
    assert simulation.result.frames == len(simulation.frames) == len(frames)
    model = hardware.session.interpreter(frames)
    seen = [(record.verdict, record.out) for record in simulation.frames]
    assert seen == [(record.verdict, record.out) for record in model.results]
    assert {record.verdict for record in simulation.frames} >= {hardpath.Verdict.PASS, hardpath.Verdict.DROP}
    assert simulation.maps[".bss"] == model.maps[".bss"]
    # Bytes will do for frames.
    again = hardware.simulate(frame.data for frame in frames)
    assert [(record.verdict, record.out) for record in again.frames] == seen


def test_options_reach_the_object(tmp_path: Path) -> None:
    firewall = ROOT / "examples" / "firewall" / "firewall.o"
    program = hardpath.load(firewall, map_sizes={"flows": 77})
    assert program.spec.maps["flows"].max_entries == 77
    with pytest.raises(InputError, match="nothing"):
        hardpath.load(firewall, map_sizes={"nothing": 1})
    spec = load_object(FILTER / "port_filter.o")
    name, variable = next((name, v) for name, v in spec.variables.items() if v.number and v.map == ".rodata")
    program = hardpath.load(FILTER / "port_filter.o", variables={name: 3})
    initial = program.spec.maps[".rodata"].initial
    assert initial is not None and initial[variable.offset] == 3


def test_contents_are_a_file_or_what_is_in_one() -> None:
    example = ROOT / "examples" / "router"
    spec = load_object(example / "router.o")
    contents = load_maps(example / "maps.json", spec.maps)
    program = hardpath.load(example / "router.o", maps=example / "maps.json")
    assert program.contents == contents and any(contents.values()) and program.unused == []
    assert program.program.name == select(spec).name
    with pytest.raises(InputError, match="there is no map nowhere"):
        hardpath.load(example / "router.o", maps={"nowhere": []})


def test_a_program_that_is_not_safe_is_rejected() -> None:
    program = hardpath.load(ROOT / "tests" / "cli" / "data" / "unsafe.o")
    with pytest.raises(VerificationError, match="out-of-bounds packet access"):
        program.verify()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"width": 7}, "width 7: a beat has 8, 16, 32, 64 or 128 bytes"),
        ({"clock_mhz": 1e6}, "clock_mhz 1e\\+06: give 1 to 500"),
        ({"clock_mhz": float("nan")}, "clock_mhz nan"),
        ({"max_frame": 13}, "max_frame 13: give 14 to 16384"),
        ({"ii": 0}, "ii 0: give 1 to 4096"),
    ],
)
def test_a_target_that_cannot_be_built_is_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(InputError, match=says):
        hardpath.Target(**wrong)  # type: ignore[arg-type]


def test_each_step_shows_what_it_is_and_takes_nothing_else() -> None:
    program = hardpath.load(ROOT / "examples" / "mac_swap" / "mac_swap.o")
    verified = program.verify()
    hardware = verified.compile(hardpath.Target(width=32, clock_mhz=100))
    assert repr(program) == "<Program mac_swap: xdp, 50 instructions>"
    assert repr(verified) == "<Verified mac_swap>"
    assert repr(hardware) == "<Hardware mac_swap: 1 stages, 32 bytes a beat, 100 MHz>"
    with pytest.raises(InputError, match="there is no engine vcs: give verilator or cocotb"):
        hardware.simulate([bytes(60)], engine="vcs")
    with pytest.raises(InputError, match=r"a frame is bytes or a hardpath\.Frame, but '0011' is neither"):
        hardware.simulate(["0011"])  # type: ignore[list-item]
