"""Latencies that the device measures from wire to wire are those that its PHYs see, to the cycle."""

from __future__ import annotations

import json
from collections import Counter

import bump_native
import pytest
from bump_native import PERIOD_PS, designs, with_fcs
from hardpath.hdl.bump import Bump
from hardpath.hdl.latency_bank import BIN_CYCLES, BINS
from hardpath.hdl.mac.port import PortShape
from test_bump import ABORTED, DROP, TX, bench, frames_of, linux, path
from test_bump_control import hardpath

COUNT = 400


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "verdicts"),
    [
        pytest.param(("port_filter", "icmp_echo"), "ABORTED DROP PASS TX", id="a-program-for-each-port"),
        pytest.param(("vlan",), "DROP PASS TX", id="one-for-both"),
    ],
)
def test_they_are_what_the_phys_see(names, verdicts, tmp_path):
    made = [design.stamped_datapath for design in designs(*((path(name),) for name in names))]
    bump = Bump(made, PortShape(), 1e12 / PERIOD_PS, baud=bump_native.BAUD)
    program = bump_native.build(bench.Bench(bump), tmp_path)
    frames = [frames_of(names, seed, COUNT) for seed in (1, 2)]
    arguments = bump_native.write_frames(tmp_path, [[with_fcs(frame) for frame in each] for each in frames])
    with bump_native.serial_line() as (fd, line), bump_native.running(program, *arguments, fd, files=[fd]) as process:
        came = [bump_native.times(process.stdout.readline()) for _ in frames]
        out = bump_native.read_frames(tmp_path)
        uart = ("--uart", line, "--baud", bump_native.PATIENT_BAUD)
        measured = json.loads(hardpath("-j", "latency", *uart))
        drawn = hardpath("latency", *uart, "--direction", 1, "--clear")
        cleared = json.loads(hardpath("-j", "latency", *uart))

    wanted = {}
    left = {(each.port, each.frame): each.time for each in out}
    assert len(left) == len(out), "every frame is another"
    for port in range(2):
        for (verdict, frame), time in zip(linux(names[port % len(names)], frames[port]), came[port], strict=True):
            if verdict in (ABORTED, DROP):
                latency = None
            else:
                latency = left[port if verdict == TX else 1 - port, frame.ljust(60, b"\0")] - time
            wanted.setdefault((port, str(verdict)), []).append(latency)
    assert {(each["port"], each["verdict"]) for each in measured} == set(wanted)
    assert {verdict for _, verdict in wanted} == {f"XDP_{verdict}" for verdict in verdicts.split()}
    for each in measured:
        latencies = wanted[each["port"], each["verdict"]]
        assert each["frames"] == len(latencies)
        if latencies[0] is None:
            # The PHYs see nothing of these. A frame of 60 bytes takes 48 cycles to come in.
            assert 48 < each["min"] <= each["sum"] / each["frames"] <= each["max"] < 2000
            continue
        bins = Counter(min(latency // BIN_CYCLES, BINS - 1) * BIN_CYCLES for latency in latencies)
        assert (each["min"], each["max"], each["sum"]) == (min(latencies), max(latencies), sum(latencies))
        assert dict(map(tuple, each["bins"])) == bins
    assert "port 1, XDP_TX" in drawn and "port 0" not in drawn
    assert cleared == []
