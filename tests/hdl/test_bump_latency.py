"""Latencies that the device measures from wire to wire are those that its PHYs see, to the cycle; of frames that do not
go out, those to their verdict."""

from __future__ import annotations

import json
from collections import Counter

import bump_native
import pytest
from bump_frames import captured, told_by_frame, told_frames
from bump_native import EXAMPLES, PERIOD_PS, TARGET, hardpath, specs, with_fcs
from bump_oracle import outcomes, ports_of
from hardpath.codegen.flow import compile_program
from hardpath.hdl.bump import Bump
from hardpath.hdl.latency_bank import BIN_CYCLES, BINS
from hardpath.hdl.mac.port import PortShape

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")

COUNT = 400


def examples(*names):
    frames = [captured(names, seed, COUNT) for seed in (1, 2)]
    return [specs(EXAMPLES / name / f"{name}.o") for name in names], frames


def redirectors():
    return [told_by_frame(place) for place in (14, 15)], [told_frames(seed, COUNT) for seed in (1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("given", "verdicts"),
    [
        pytest.param(lambda: examples("port_filter", "icmp_echo"), "ABORTED DROP PASS TX", id="one-for-each"),
        pytest.param(lambda: examples("vlan"), "DROP PASS TX", id="one-for-both"),
        pytest.param(redirectors, "ABORTED DROP PASS TX REDIRECT", id="redirects"),
    ],
)
def test_they_are_what_the_phys_see(given, verdicts, tmp_path):
    programs, frames = given()
    made = [compile_program(*each, TARGET).stamped_datapath for each in programs]
    bump = Bump(made, PortShape(), 1e12 / PERIOD_PS, baud=bump_native.BAUD)
    program = bump_native.build(bench.Bench(bump))
    arguments = bump_native.write_frames(tmp_path, [[with_fcs(frame) for frame in each] for each in frames])
    with bump_native.serial_line() as (fd, line), bump_native.running(program, *arguments, fd, files=[fd]) as process:
        came, judged = ([bump_native.times(process.stdout.readline()) for _ in frames] for _ in range(2))
        out = bump_native.read_frames(tmp_path)
        uart = ("--uart", line, "--baud", bump_native.PATIENT_BAUD)
        measured = json.loads(hardpath("-j", "latency", *uart))
        drawn = hardpath("latency", *uart, "--direction", 1, "--clear")
        cleared = json.loads(hardpath("-j", "latency", *uart))

    wanted = {}
    left = {(each.port, each.frame): each.time for each in out}
    assert len(left) == len(out), "every frame is another"
    beginnings = [iter(zip(*each, strict=True)) for each in zip(came, judged, strict=True)]
    for source, outcome in outcomes(programs, [[] for _ in programs], frames):
        begun, known = next(beginnings[source])
        ends = [left.pop((port, outcome.frame.ljust(60, b"\0"))) for port in ports_of(outcome, source, 2)]
        if not outcome.verdict.sends:
            ends = [known]
        if ends:  # a frame with nowhere to go is not measured
            wanted.setdefault((source, str(outcome.verdict)), []).extend(end - begun for end in ends)
    assert not left
    assert {(each["port"], each["verdict"]) for each in measured} == set(wanted)
    assert {verdict for _, verdict in wanted} == {f"XDP_{verdict}" for verdict in verdicts.split()}
    for each in measured:
        latencies = wanted[each["port"], each["verdict"]]
        assert each["frames"] == len(latencies)
        bins = Counter(min(latency // BIN_CYCLES, BINS - 1) * BIN_CYCLES for latency in latencies)
        assert (each["min"], each["max"], each["sum"]) == (min(latencies), max(latencies), sum(latencies))
        assert dict(map(tuple, each["bins"])) == bins
    assert "port 1, XDP_TX" in drawn and "port 0" not in drawn
    assert cleared == []
