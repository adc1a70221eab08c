"""Stepping a device: both engines alike, cycle by cycle, and ports that lose exactly what has no room."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
from engines_here import skipped_without
from hardpath.hdl.errors import InputError
from hardpath.hdl.helpers.events import line
from hardpath.sim.captures import Frame
from hardpath.sim.cocotb_engine import CocotbEngine
from hardpath.sim.engine import Child, Engine, Netlist, Options
from hardpath.sim.results import Verdict
from hardpath.sim.stepping import Device, Report, stepping
from hardpath.sim.verilator_engine import VerilatorEngine

ECHO = Netlist((Path(__file__).parent / "data" / "echo.v").read_text().replace("`WIDTH", "64"), 64, registers=False)
FRAME_COUNT = 0x1000  # bus address


@pytest.fixture(params=["verilator", "cocotb"])
def engine(request: pytest.FixtureRequest) -> Engine:
    made = VerilatorEngine() if request.param == "verilator" else CocotbEngine()
    with skipped_without():
        made.prepare(ECHO, Options())
    return made


def passing(size: int, ifindex: int = 1, mark: int = 0) -> Frame:
    return Frame(bytes([2, mark]) + bytes(size - 2), ifindex)


def session(engine: Engine, options: Options) -> tuple[list[Report], list[int]]:
    """A long one with everything in it: losses, rests, transfers in full flow."""
    rng = random.Random(5)
    reports, words = [], []
    with stepping(engine, ECHO, options) as device:
        device.bus.write(7, 0xABCD)
        for ifindex, size in ((1, 600), (4, 3000), (2, 64)):
            device.port(ifindex, size)
        cycle = 0
        for number in range(300):
            cycle += rng.choice((0, 0, 0, 1, 3, 30)) if number != 150 else 50_000
            data = bytes([rng.randrange(8)]) + rng.randbytes(rng.randint(13, 400))
            device.arrive(Frame(data, rng.choice((1, 2, 4)), rng.randrange(3), number), cycle)
            if number % 40 == 0:
                reports.append(device.step(cycle))
                words.append(device.bus.read(7))
        reports.append(device.step(cycle - 3))
        reports.append(device.drain())
        reports.append(device.step(reports[-1].cycle + 10_000))
        words.append(device.bus.read(FRAME_COUNT))
    return reports, words


@pytest.mark.parametrize("options", [Options(), Options(offer=0.7, take=0.5, seed=3)], ids=["plain", "coins"])
def test_both_engines_tell_and_write_the_same(options: Options, tmp_path: Path) -> None:
    outcomes = []
    for name, made in (("native", VerilatorEngine()), ("cocotb", CocotbEngine())):
        files = {"frames_out": tmp_path / f"{name}.jsonl", "capture_out": tmp_path / f"{name}.pcapng"}
        with skipped_without():
            outcome = session(made, replace(options, **files))
        outcomes.append((outcome, *(path.read_bytes() for path in files.values())))
    assert outcomes[0] == outcomes[1]
    reports, words = outcomes[0][0]
    lost = [index for report in reports for index in report.lost]
    through = [passage.index for report in reports for passage in report.frames]
    assert sorted(lost + through) == list(range(300))
    assert 20 < len(lost) < 280
    assert words == [0xABCD] * 8 + [len(through)]


def run(device: Device) -> tuple[list[int], list[int]]:
    report = device.drain()
    return [passage.index for passage in report.frames], report.lost


def test_ports_take_turns_frame_by_frame(engine: Engine) -> None:
    with stepping(engine, ECHO) as device:
        for ifindex in (1, 2, 3):
            device.port(ifindex, 10_000)
        for ifindex in (1, 1, 1, 3, 2, 2):  # indices 0 to 5
            device.arrive(passing(640, ifindex), 0)
        assert run(device) == ([0, 4, 3, 1, 5, 2], [])


def test_a_queue_has_room_again_when_the_last_beat_of_a_frame_has_gone(engine: Engine) -> None:
    # Frames of ten beats, one beat a cycle: the first is read in cycles 0 to 9, so room comes back in cycle 10.
    for cycle, lost in ((9, [2]), (10, [])):
        with stepping(engine, ECHO) as device:
            device.port(1, 1280)
            for at in (0, 0, cycle):
                device.arrive(passing(640), at)
            assert run(device)[1] == lost


def test_a_frame_goes_in_when_it_is_there_and_no_beat_is_before_it(engine: Engine) -> None:
    with stepping(engine, ECHO) as device:
        device.port(1, 10_000)
        for cycle in (100, 101, 200):
            device.arrive(passing(300), cycle)
        frames = device.drain().frames
        assert [passage.started for passage in frames] == [100, 105, 200]
        # Five beats in, the last one out nine cycles after the first in, its result a cycle or two later.
        assert {passage.ended - passage.started for passage in frames} == {frames[0].ended - frames[0].started}
        assert 9 <= frames[0].ended - frames[0].started <= 11


def test_a_step_ends_at_its_cycle_and_the_rest_comes_later(engine: Engine) -> None:
    with stepping(engine, ECHO) as device:
        device.port(1, 10_000)
        device.arrive(passing(64), 10)
        device.arrive(passing(64), 5000)
        first = device.step(100)
        assert (first.cycle, [passage.index for passage in first.frames]) == (100, [0])
        assert device.step(5000).frames == []
        second = device.drain()
        assert [(p.index, p.started, p.verdict) for p in second.frames] == [(1, 5000, Verdict.PASS)]


def test_long_rests_cost_nothing(engine: Engine) -> None:
    with stepping(engine, ECHO) as device:
        device.port(1, 10_000)
        device.arrive(passing(64), 10**12)
        assert device.drain().frames[0].started == 10**12
        assert device.step(10**15).cycle == 10**15


def test_frames_go_on_during_transfers(engine: Engine) -> None:
    with stepping(engine, ECHO) as device:
        device.port(1, 100_000)
        for _ in range(20):
            device.arrive(passing(64), 0)
        counts = [device.bus.read(FRAME_COUNT) for _ in range(10)]
        assert counts == sorted(set(counts)) and counts[-1] >= 9
        assert run(device)[0] == list(range(20))


def test_what_does_not_fit_is_named(engine: Engine) -> None:
    with stepping(engine, ECHO) as device:
        device.port(1, 1000)
        with pytest.raises(InputError, match="13 bytes, but a frame has 14 to 2048"):
            device.arrive(passing(13), 0)
        with pytest.raises(InputError, match="no port with ifindex 2"):
            device.arrive(passing(64, 2), 0)
        with pytest.raises(InputError, match="ifindex 1: give every port another"):
            device.port(1, 5)


def test_events_that_are_told_or_forgotten_take_no_room(tmp_path: Path) -> None:
    recorded, told = tmp_path / "events.jsonl", []
    device = Device(cast(Child, None), replace(ECHO, events=(line("bpf_printk", b"%d\0"),)), recorded)
    with open(recorded, "w", encoding="ascii") as child:

        def record(first: int, count: int) -> None:
            for frame in range(first, first + count):
                data = frame.to_bytes(8, "little").hex()
                child.write(json.dumps({"frame": frame, "site": 0, "data": data}) + "\n")
            child.flush()

        assert list(device.events()) == []
        for first in range(0, 3000, 1000):
            record(first, 1000)
            told += device.events()
            assert recorded.stat().st_blocks == 0
        record(3000, 1000)
        device.forget_events()
        device.forget_events()
        assert recorded.stat().st_blocks == 0
        record(4000, 2)
        told += device.events()
    assert [(frame, event.text) for frame, event in told] == [(n, str(n)) for n in (*range(3000), 4000, 4001)]
