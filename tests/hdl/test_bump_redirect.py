"""Every verdict of a device in the wire, redirects and broadcasts among them, from pins of PHYs to pins of PHYs: with a
program for each port, with one for both, and with one port only."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import bump_native
import pytest
from bump_frames import PORTS, captured, told_by_frame, told_frames
from bump_native import EXAMPLES, PERIOD_PS, TARGET, specs
from bump_oracle import Expected
from hardpath.codegen.elf import select, with_variables
from hardpath.codegen.flow import compile_program
from hardpath.hdl.bump import Bump, port_address
from hardpath.hdl.mac.port import PortShape
from hardpath.nic_model.hardware import on_serial_line

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")

CONTENTS = ({0: 2, 1: 1, 2: 7}, {0: 1, 1: 2, 3: 3})
"""Interfaces by key, for the program of each port; 3 and 7 are none of the device's."""


def entries_of(contents):
    return [(PORTS.name, key.to_bytes(4, "little"), value.to_bytes(4, "little")) for key, value in contents.items()]


def check(folder, programs, contents, frames, together=True):
    """What the device does with ``frames[i]`` at port i is what Linux does. ``together``: at all ports at once, else
    one port after the other, which makes a difference if frames of both change the same map."""
    ports = len(frames)
    expected = Expected(programs, contents, frames)
    datapaths = [compile_program(*each, TARGET).datapath for each in programs]
    bump = Bump(datapaths, PortShape(), 1e12 / PERIOD_PS, ports=ports, baud=bump_native.BAUD)
    program = bump_native.build(bench.Bench(bump))
    got = [[] for _ in frames]
    with ExitStack() as stack:
        outside, inside = zip(*(socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in frames), strict=True)
        for each in (*outside, *inside):
            stack.callback(each.close)
        fd, line = stack.enter_context(bump_native.serial_line())
        files = (fd, *(each.fileno() for each in inside), -1)[:3]
        stack.enter_context(bump_native.running(program, *files, files=files))
        hardware = stack.enter_context(on_serial_line(line, bump_native.PATIENT_BAUD))
        for number, entries in enumerate(contents):
            for name, key, value in entries:
                hardware.direction(number).maps[name].update(key, value)
        for sources in [range(ports)] if together else [[port] for port in range(ports)]:
            given = [each if port in sources else [] for port, each in enumerate(frames)]
            wanted = [sum(len(expected.ways[source, port]) for source in sources) for port in range(ports)]
            for port, came in enumerate(bump_native.traffic(outside, given, wanted)):
                got[port] += came
        counted = [hardware.direction(number).client.counters() for number in range(len(programs))]
        lines = hardware.ports()
        assert not bump_native.traffic_waits(outside), "nothing else came while all this was asked"
        managed = stack.enter_context(bump_native.on_port(outside[-1], port_address(ports - 1)))
        for number in range(len(programs)):
            ways = [each.direction(number) for each in (hardware, managed)]
            assert all(way.client.counters() | {"cycles": 0} == counted[number] | {"cycles": 0} for way in ways)
            # What is read-only is in the logic, as constants, and not in a map.
            there = [name for name, spec in programs[number][0].maps.items() if not spec.readonly]
            assert [list(way.maps) for way in ways] == [there] * 2
            for name in ways[0].maps:
                assert list(ways[0].maps[name].items()) == list(ways[1].maps[name].items())
    for (source, port), way in expected.ways.items():
        mine = set(way)
        assert [frame for frame in got[port] if frame in mine] == way, (source, port)
    for port, line in enumerate(lines):
        told = {name: value for name, value in line.items() if value}
        wanted = {"rx_good": len(frames[port]), "tx_good": len(got[port]), "unreachable": expected.lost[port]}
        assert told == {name: value for name, value in wanted.items() if value}
    for told, verdicts in zip(counted, expected.verdicts, strict=True):
        assert {name: value for name, value in told.items() if name.startswith("verdict_") and value} == verdicts
    return expected


@pytest.mark.slow
def test_a_program_for_each_port(tmp_path):
    programs = [told_by_frame(14), told_by_frame(15)]
    frames = [told_frames(seed, 200) for seed in (1, 2)]
    found = check(tmp_path, programs, [entries_of(each) for each in CONTENTS], frames)
    assert min(map(len, found.ways.values())) > 20 and min(found.lost) > 10
    assert all(min(verdicts.values()) > 5 and len(verdicts) == 5 for verdicts in found.verdicts)


@pytest.mark.slow
def test_one_program_for_both_ports(tmp_path):
    frames = [told_frames(seed, 1000) for seed in (3, 4)]
    found = check(tmp_path, [told_by_frame(14)], [entries_of(CONTENTS[0])], frames)
    assert min(map(len, found.ways.values())) > 100 and min(found.lost) > 50


def test_one_port_alone(tmp_path):
    """PASS has nowhere to go, as all that is for others."""
    found = check(tmp_path, [told_by_frame(14)], [entries_of(CONTENTS[0])], [told_frames(5, 200)])
    (verdicts,) = found.verdicts
    assert found.lost[0] > verdicts["verdict_pass"] > 10 and len(found.ways[0, 0]) > verdicts["verdict_tx"] > 10


def example(name, **values):
    found, _ = specs(EXAMPLES / name / f"{name}.o")
    found = with_variables(found, values)
    return found, select(found, None, None)


@pytest.mark.slow
def test_a_patch_panel_and_a_redirector_on_their_ports(tmp_path):
    programs = [example("redirect_map"), example("redirect", to=1)]
    frames = [captured(["redirect_map"], 6, 300), captured(["redirect"], 7, 300)]
    patches = [("patches", (1).to_bytes(4, "little"), (2).to_bytes(4, "little"))]
    found = check(tmp_path, programs, [patches, []], frames)
    assert len(found.ways[0, 1]) > 100 and len(found.ways[1, 0]) > 100


@pytest.mark.slow
def test_a_learning_switch_of_two_ports(tmp_path):
    ports = [("ports", port.to_bytes(4, "little"), port.to_bytes(4, "little")) for port in (1, 2)]
    frames = [captured(["switch"], seed, 300) for seed in (8, 9)]
    found = check(tmp_path, [example("switch")], [ports], frames, together=False)
    assert min(len(found.ways[0, 1]), len(found.ways[1, 0])) > 50
