"""One program on both ports, from the pins of the PHYs to the pins of the PHYs, as Linux runs it on two interfaces."""

from __future__ import annotations

import bump_native
import pytest
from bump_frames import captured, told_by_frame, told_frames
from bump_native import EXAMPLES, PERIOD_PS, TARGET, designs, with_fcs
from bump_oracle import Expected
from hardpath.codegen.flow import compile_program
from hardpath.hdl.bump import Bump
from hardpath.hdl.errors import InputError
from hardpath.hdl.mac.port import PortShape
from hardpath.nic_model.hardware import on_serial_line

bench = pytest.importorskip("bump_bench", reason="the models of PHYs are missing: install the extra `test`")


def example(name):
    return bump_native.specs(EXAMPLES / name / f"{name}.o"), [captured([name], seed, 150) for seed in (1, 2)]


def redirector():
    return told_by_frame(14), [told_frames(seed, 150) for seed in (1, 2)]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        pytest.param(redirector, "ABORTED DROP PASS TX REDIRECT", id="redirects"),
        pytest.param(lambda: example("port_filter"), "ABORTED PASS", id="port_filter", marks=pytest.mark.slow),
        pytest.param(lambda: example("icmp_echo"), "PASS TX", id="icmp_echo", marks=pytest.mark.slow),
    ],
)
def test_frames_of_both_ports_at_once_at_line_rate_go_where_linux_sends_them(given, shown, tmp_path):
    program, frames = given()
    found = Expected([program], [[]], frames)
    (verdicts,) = found.verdicts
    assert all(verdicts[f"verdict_{verdict.lower()}"] > 5 for verdict in shown.split())
    assert len(found.ways[0, 1]) > 10 and len(found.ways[1, 0]) > 10
    design = compile_program(*program, TARGET)
    bump = Bump([design.datapath], PortShape(), 1e12 / PERIOD_PS, baud=bump_native.BAUD)
    on_wire = [[with_fcs(frame) for frame in each] for each in frames]
    on_wire[0].insert(7, b"\0" + with_fcs(frames[0][0])[1:-1] + b"\0")  # a wrong FCS
    program = bump_native.build(bench.Bench(bump))
    arguments = bump_native.write_frames(tmp_path, on_wire)
    with bump_native.serial_line() as (fd, line), bump_native.running(program, *arguments, fd, files=[fd]) as process:
        assert process.stdout.readline() and process.stdout.readline(), "all frames came in, and what came out is told"
        got = bump_native.read_frames(tmp_path)
        with on_serial_line(line, bump_native.PATIENT_BAUD) as hardware:
            counted = [hardware.direction(port).client.counters() for port in range(2)]
            lines = hardware.ports()
            with pytest.raises(InputError, match="built without latencies from wire to wire: build it with --latency"):
                hardware.latencies()
    for (source, port), wanted in found.ways.items():
        mine = set(wanted)
        assert [one.frame for one in got if one.port == port and one.frame in mine] == wanted, (source, port)
    assert len(got) == sum(map(len, found.ways.values()))
    assert [line["unreachable"] for line in lines] == found.lost
    assert [(line["rx_good"], line["rx_fcs"], line["rx_lost"]) for line in lines] == [(150, 1, 0), (150, 0, 0)]
    for each in counted:  # of the same program, whichever port is asked
        assert {name: n for name, n in each.items() if name.startswith("verdict_") and n} == verdicts
        assert each["frames_received"] == sum(verdicts.values())


def test_each_port_has_a_datapath_or_all_have_one():
    (design,) = designs((EXAMPLES / "drop" / "drop.o",))
    for datapaths, ports in ((1, 3), (2, 1), (0, 2)):
        with pytest.raises(ValueError, match=f"{datapaths} datapaths for {ports} ports: choose one for all"):
            Bump([design.datapath] * datapaths, PortShape(), 1e8, ports=ports)
