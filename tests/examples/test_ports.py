"""Hardware that is no faster than its ports: still Linux's results, and the ports' line rate."""

from __future__ import annotations

import pytest
from agreement import agree
from hardpath.boards import needs
from hardpath.boards.board import BOARDS
from hardpath.hdl.line_rate import PORTS
from hardpath.hdl.target import Target
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Options
from hardpath.sim.session import engine
from hardpath.sim.timing import Rate
from hardpath.sim.traffic import traffic
from hardpath.sim.traffic_random import random_frames

pytestmark = pytest.mark.usefixtures("needs_compiler")


@pytest.mark.parametrize("example", ["firewall", "rate_limiter", "syn_filter"], indirect=True)
@pytest.mark.parametrize("speed", ["1g", pytest.param("10g", marks=pytest.mark.slow)])
def test_frames_as_the_ports_bring_them_give_what_linux_gives(example, speed: str) -> None:
    ports, clock = PORTS[speed], PORTS[speed].clock_mhz
    session = example.built_for(Target(clock, ports.width(clock, 2048), ii=ports.ii(clock)))
    assert session.design.schedule.ii > 1 and session.design.worst_cycles <= ports.frame_cycles(60, clock)
    frames = [*example.frames, *(Frame(data) for data in random_frames(5, 200))]
    agree(session, frames)

    short = list(traffic("many-flows", 2000))
    rate = Rate(bits_per_second=round(ports.gbps * 10**9))
    result, _ = session.run(engine("verilator"), short, Options(rate=rate), read_maps=False)
    arrive = sum(ports.frame_cycles(len(frame.data), clock) for frame in short[:-1]) / (len(short) - 1)
    assert result.cycles_per_frame == pytest.approx(arrive, rel=0.01)


@pytest.mark.parametrize("example", ["firewall", "router"], indirect=True)
def test_two_ports_of_the_slowest_board_bring_no_more_than_the_hardware_for_them_takes(example) -> None:
    """All that frames may have to wait for included: maps that take their time, and frames of one flow."""
    board = BOARDS["colorlight_5a75b_r7_0"]
    ii = needs.interval(board.clock_mhz, board.ports)
    session = example.built_for(Target(board.clock_mhz, needs.WIDTH, max_frame=needs.MAX_FRAME, ii=ii))
    assert session.design.worst_cycles <= ii
    agree(session, [*example.frames, *(Frame(data) for data in random_frames(6, 200))])
