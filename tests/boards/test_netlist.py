"""Boards with programs on them, as far as Amaranth goes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from assembler import Assembler
from hardpath.boards.board import BOARDS
from hardpath.boards.cells import LATENCIES, part_of
from hardpath.boards.netlist import files_of
from hardpath.codegen.elf import load, select
from hardpath.codegen.flow import compile_program
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from hardpath.hdl.errors import InputError, Refused
from hardpath.hdl.target import Target

pytest.importorskip("amaranth_boards", reason="install the extra `boards`")
EXAMPLES = Path(__file__).parents[2] / "examples"


def design(name="drop", clock=62.5):
    spec = load(EXAMPLES / name / f"{name}.o")
    return compile_program(spec, select(spec), Target(clock_mhz=clock, width=8, max_frame=1518))


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_each_line_of_each_phy_has_a_pin_of_its_own_and_a_clock(board):
    files = files_of(board, [design(clock=board.clock_mhz)])
    places = dict(re.findall(r'LOCATE COMP "(\S+)" SITE "(\S+)";', files.constraints))
    assert len(set(places.values())) == len(places), "no pin twice"
    for i in range(board.ports):
        for line, count in (("rx_clk", 1), ("tx_clk", 1), ("rx_ct", 1), ("tx_ct", 1), ("rx_data", 4), ("tx_data", 4)):
            assert sum(name.startswith(f"eth_rgmii_{i}__{line}") for name in places) == count, (i, line)
        assert f'FREQUENCY PORT "eth_rgmii_{i}__rx_clk__io" 125000000.0 HZ;' in files.constraints
    assert files.clocks["sync"] == pytest.approx(board.clock_mhz)
    assert files.device[0].endswith("k")


def test_a_netlist_is_the_same_each_time_and_names_no_folder_of_the_machine():
    board = BOARDS["colorlight_5a75b_r7_0"]
    first, second = files_of(board, [design()]), files_of(board, [design()])
    assert first == second
    sources = set(re.findall(r'attribute \\src "([^"]*)"', first.rtlil))
    assert sources and not [source for source in sources if source.startswith("/")]
    assert any(source.startswith("hdl/") for source in sources)


def test_two_programs_need_two_ports():
    with pytest.raises(InputError, match=r"ButterStick r1\.0 has one port"):
        files_of(BOARDS["butterstick"], [design(), design()])
    assert files_of(BOARDS["versa_ecp5"], [design("redirect"), design("mac_swap")]).rtlil.count("datapath_1")


def test_a_clock_that_is_slower_than_a_port_is_refused():
    # 125 MHz over whole numbers: 15.625 is just what a port brings, and it may be 200 ppm faster.
    assert files_of(BOARDS["versa_ecp5"], [design(clock=16.2)]).clocks["sync"] > 15.63
    with pytest.raises(Refused, match=r"8 bytes a beat at 15\.625 MHz are slower than a port of 1 Gb/s") as refused:
        files_of(BOARDS["versa_ecp5"], [design(clock=15.7)])
    assert "more than 15.63 MHz" in refused.value.remedy


@pytest.mark.parametrize(("kind", "what"), [(16, "cpu"), (17, "socket")])
def test_what_redirects_to_no_port_is_refused(kind, what):
    """Its numbers are not those of ports: a frame for CPU 1 would leave through port 0."""
    a = Assembler()
    a.map(1, "targets")
    a.move(2, imm=0)
    a.move(3, imm=0)
    a.call(51)  # bpf_redirect_map
    a.exit()
    program = ProgramSpec("away", "xdp", a.finish(), {0: "away"}, license="GPL")
    spec = ObjectSpec("away.o", (program,), {"targets": MapSpec("targets", kind, 4, 4, 2)})
    made = compile_program(spec, program, Target(clock_mhz=62.5, width=8, max_frame=1518))
    with pytest.raises(Refused, match=f"away redirects to a {what}, and all that Lattice ECP5 Versa has is ports"):
        files_of(BOARDS["versa_ecp5"], [made])


def test_what_measures_latencies_is_there_if_wanted_and_a_part_of_its_own():
    board = BOARDS["colorlight_5a75b_r7_0"]
    without, measuring = (
        set(re.findall(r"^module \\top\.(\S+)", files_of(board, [design()], latencies).rtlil, re.MULTILINE))
        for latencies in (False, True)
    )
    added = measuring - without
    assert without < measuring and {"device.control.latencies", "device.port_1.mac.departures"} <= added
    assert {name for name in measuring if part_of(f"{name}.signal") == LATENCIES} == added
