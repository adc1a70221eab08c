"""One program on both ports, from the pins of the PHYs to the pins of the PHYs, as Linux runs it on two interfaces."""

from __future__ import annotations

import random
from collections import Counter

import bump_native
import pytest
from bump_native import EXAMPLES, PERIOD_PS, designs, with_fcs
from hardpath.hdl.bump import Bump
from hardpath.hdl.errors import InputError
from hardpath.hdl.mac.port import PortShape
from hardpath.nic_model.hardware import on_serial_line
from hardpath.sim.captures import read_capture
from hardpath.sim.interpreter import Interpreter

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")

ABORTED, DROP, PASS, TX = range(4)


def frames_of(name, seed, count):
    """Of the example's capture, as long as a frame on the wire is, each with a number behind its end."""
    random_ = random.Random(seed)
    captured = [frame.data for frame in read_capture(str(EXAMPLES / name / "capture.pcap"))]
    chosen = [random_.choice(captured)[:1500] for _ in range(count)]
    return [frame.ljust(55, b"\0") + bytes([seed]) + i.to_bytes(4, "big") for i, frame in enumerate(chosen)]


def expected(name, frames):
    """What comes out, by port that it came from and port that it goes to; and the verdicts."""
    found, program = bump_native.specs(EXAMPLES / name / f"{name}.o")
    out, verdicts = {(source, port): [] for source in range(2) for port in range(2)}, Counter()
    linux = Interpreter(program, found.maps)
    for source, each in enumerate(frames):
        for frame in each:
            outcome = linux.run(frame, ifindex=source + 1)
            verdicts[outcome.verdict] += 1
            if outcome.verdict in (PASS, TX):
                out[source, source if outcome.verdict == TX else 1 - source].append(outcome.frame.ljust(60, b"\0"))
    return out, verdicts


@pytest.mark.parametrize("name", ["port_filter", pytest.param("icmp_echo", marks=pytest.mark.slow)])
def test_frames_of_both_ports_at_once_at_line_rate_go_where_linux_sends_them(name, tmp_path):
    frames = [frames_of(name, seed, 150) for seed in (1, 2)]
    out, verdicts = expected(name, frames)
    assert verdicts[PASS] > 20 and verdicts[TX if name == "icmp_echo" else ABORTED] > 5
    (design,) = designs((EXAMPLES / name / f"{name}.o",))
    bump = Bump([design.datapath], PortShape(), 1e12 / PERIOD_PS, baud=bump_native.BAUD)
    on_wire = [[with_fcs(frame) for frame in each] for each in frames]
    on_wire[0].insert(7, b"\0" + with_fcs(frames[0][0])[1:-1] + b"\0")  # a wrong FCS
    program = bump_native.build(bench.Bench(bump), tmp_path)
    arguments = bump_native.write_frames(tmp_path, on_wire)
    with bump_native.serial_line() as (fd, line), bump_native.running(program, *arguments, fd, files=[fd]) as process:
        assert process.stdout.readline() and process.stdout.readline(), "all frames came in, and what came out is told"
        got = bump_native.read_frames(tmp_path)
        with on_serial_line(line, bump_native.PATIENT_BAUD) as hardware:
            counted = [hardware.direction(port).client.counters() for port in range(2)]
            with pytest.raises(InputError, match="built without latencies from wire to wire: build it with --latency"):
                hardware.latencies()
    for (source, port), wanted in out.items():
        mine = set(wanted)
        assert [one.frame for one in got if one.port == port and one.frame in mine] == wanted, (source, port)
    assert len(got) == sum(map(len, out.values()))
    names = {"aborted": ABORTED, "drop": DROP, "pass": PASS, "tx": TX}
    for each in counted:  # of the same program, whichever port is asked
        assert {name: each[f"verdict_{name}"] for name in names} == {n: verdicts[of] for n, of in names.items()}
        assert each["frames_received"] == sum(verdicts.values())


def test_each_port_has_a_datapath_or_all_have_one():
    (design,) = designs((EXAMPLES / "drop" / "drop.o",))
    for datapaths, ports in ((1, 3), (2, 1), (0, 2)):
        with pytest.raises(ValueError, match=f"{datapaths} datapaths for {ports} ports: choose one for all"):
            Bump([design.datapath] * datapaths, PortShape(), 1e8, ports=ports)
