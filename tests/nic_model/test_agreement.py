"""Load-latency curve, counters, the histogram in the datapath and captures tell the same, packet for packet."""

from __future__ import annotations

import json
import re
import struct
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hardpath.cli.main import main
from hardpath.hdl.errors import InputError
from hardpath.nic_model.arrivals import arrivals
from hardpath.nic_model.scenario import read_scenario
from hardpath.nic_model.statistics import DROPS
from hardpath.nic_model.sweep import steps
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Options
from hardpath.sim.session import engine
from hardpath.sim.statistics import Latency
from hardpath.sim.toolchain import has_compiler

needs_compiler = pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")
PORTS = [
    # Together more than the datapath takes from half the rate on; the frames out do not all fit the third line.
    {"speed": "100G", "rx-queue": "4KiB", "host-rate": "5Mpps", "host-queue": 10},
    {"speed": "10G", "rx-queue": "2KiB", "tx-queue": 1},
    {"speed": "1G", "tx-queue": 20},
]


@dataclass(frozen=True)
class Packet:
    """A packet of a capture with what its options say."""

    time_ns: int
    data: bytes
    index: int
    verdict: int
    comment: str


def packets(path: Path) -> Iterator[Packet]:
    """Read by the letter of the pcapng draft, section 4.3, not by our reader."""
    content, at = path.read_bytes(), 0
    while at < len(content):
        kind, length = struct.unpack_from("<II", content, at)
        if kind == 6:
            _, high, low, size, _ = struct.unpack_from("<IIIII", content, at + 8)
            options, place = {}, at + 28 + size + -size % 4
            while place < at + length - 4:
                code, count = struct.unpack_from("<HH", content, place)
                options[code] = content[place + 4 : place + 4 + count]
                place += 4 + count + -count % 4
            yield Packet(
                high << 32 | low,
                content[at + 28 : at + 28 + size],
                int.from_bytes(options[5], "little"),
                int.from_bytes(options[7][1:], "little"),
                options.get(1, b"").decode(),
            )
        at += length


def traffic(port: int) -> list[dict[str, Any]]:
    """Frames of every verdict (their first byte) and target (their second)."""
    kinds = [f"0{verdict}:0{target}:00:00:00:00" for verdict in range(5) for target in (2, 3)]
    listed = ", ".join(f'"{kind}"' for kind in kinds)
    return [{"frames": f'Ether(dst=[{listed}])/("x" * {60 + 60 * port})', "rate": "100%"}]


@pytest.fixture
def swept(scenario: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Any, Path]:
    """The result of a sweep with four points, and the folder with what each left behind."""
    ports = [port | ({"traffic": traffic(number)} if number < 3 else {}) for number, port in enumerate(PORTS, 1)]
    path = scenario(ports=ports, duration="12us")
    words = ["nic", "run", path, "--sweep", "rate", "--points", "4", "-o", tmp_path / "out", "-j"]
    assert main([str(word) for word in words]) == 0
    return json.loads(capsys.readouterr().out), tmp_path / "out"


def names_of(verdict: str | None) -> str:
    return f"rx_xdp_{(verdict or '').removeprefix('XDP_').lower()}"


@needs_compiler
def test_everything_agrees_packet_for_packet(swept: tuple[Any, Path]) -> None:
    curve, folder = swept
    assert [point["share"] for point in curve["points"]] == [0.25, 0.5, 0.75, 1.0]
    seen: Counter[str] = Counter()
    for number, point in enumerate(curve["points"], 1):
        place = folder / str(number)
        result = json.loads((place / "result.json").read_text())
        frames = [json.loads(line) for line in (place / "frames.jsonl").read_text().splitlines()]
        ports = {name: port["statistics"] for name, port in result["ports"].items()}
        # The curve and the counters.
        assert point["offered"] == len(frames) == sum(port["line_packets"] for port in result["ports"].values())
        for drop in DROPS:
            counted = sum(port[drop] for port in ports.values())
            assert counted == sum(frame["to"] == drop for frame in frames) == point["lost"].get(drop, counted), drop
            seen[drop] += counted
        assert point["through"] == point["offered"] - sum(point["lost"].values())
        # The captures and the counters, frame by frame.
        by_way = defaultdict(list)
        for frame in frames:
            if frame["left_ns"] is not None:
                by_way[frame["to"]].append(frame)
        for name, port in ports.items():
            for way, counter in ((f"tx {name}", "tx_packets"), (f"host {name}", "host_packets")):
                path = place / f"{way.replace(' ', '-')}.pcapng"
                captured = list(packets(path)) if path.exists() else []
                assert len(captured) == port[counter] == len(by_way[way])
                for packet, frame in zip(captured, by_way[way], strict=True):
                    assert (packet.index, packet.data.hex()) == (frame["index"], frame["data"])
                    assert packet.time_ns == int(frame["left_ns"])
                    assert packet.verdict == ("XDP_ABORTED", "XDP_DROP", "XDP_PASS", "XDP_TX", "XDP_REDIRECT").index(
                        frame["verdict"]
                    )
                seen[way] += len(captured)
        for name, port in ports.items():
            mine = [frame for frame in frames if frame["port"] == name and frame["verdict"] is not None]
            for verdict, count in Counter(frame["verdict"] for frame in mine).items():
                assert port[names_of(verdict)] == count
            assert port["rx_packets"] == len(mine)
        # The histogram in the datapath.
        cycles = Counter(str(frame["latency_cycles"]) for frame in frames if frame["latency_cycles"] is not None)
        assert result["datapath"]["frames_by_cycles"] == cycles
        assert result["datapath"]["frames"] == cycles.total() == sum(result["verdicts"].values())
        # The curve's latencies, and those of verdicts, from the frames that left.
        sent = [frame for frame in frames if frame["left_ns"] is not None]
        by_verdict = defaultdict(Counter)
        for frame in sent:
            by_verdict[frame["verdict"]][round(1000 * (frame["left_ns"] - frame["arrived_ns"]))] += 1
        for verdict, counts in by_verdict.items():
            assert result["latency_by_verdict_ns"][verdict] == Latency(counts.items(), 1).summary()["ns"]
        dropped = sum(result["verdicts"][verdict] for verdict in ("XDP_DROP", "XDP_ABORTED"))
        assert point["through"] == len(sent) + dropped
        assert sum(piece[0] for piece in result["timeline_ps"]["slices"]) == point["through"]
    # Losses of every kind that traffic can cause, and frames on every way.
    ways = {"tx eth0", "tx eth1", "tx eth2", "host eth0", "host eth1"}
    assert {name for name, count in seen.items() if count} == {*DROPS, *ways} - {"rx_length_errors"}
    # More load is more latency, as long as the queue is not yet full.
    worst = [point["latency_ns"]["p99"] for point in curve["points"]]
    assert worst[0] < worst[-1]


@needs_compiler
def test_sim_agrees_with_its_capture_and_the_histogram(scenario: Callable[..., Path], tmp_path: Path) -> None:
    plan = read_scenario(scenario(ports=[{"speed": "1G"}], duration="1us"))
    hardware = plan.build.compile(plan.program.verify(), lambda step: None)
    frames = [bytes([i % 6, 1, i & 0xFF, i >> 8]) + bytes(56 + (i * 37) % 400) for i in range(400)]
    measured = []
    result = engine("verilator").run(
        hardware.session.netlist,
        [Frame(data) for data in frames],
        Options(capture_out=tmp_path / "out.pcapng", frames_out=tmp_path / "out.jsonl"),
        teardown=lambda bus: measured.append(bus.client.latency("first")),
    )
    found = list(packets(tmp_path / "out.pcapng"))
    assert [packet.index for packet in found] == list(range(len(frames)))
    told = [int(re.match(r"latency (\d+) cycles", packet.comment)[1]) for packet in found]
    records = list(result.results())
    assert told == [record.latency_cycles for record in records]
    (histogram,) = measured
    assert {cycles: n for cycles, n in enumerate(histogram.bins) if n} == Counter(told)
    assert dict(zip(result.latency.cycles.tolist(), result.latency.counts.tolist(), strict=True)) == Counter(told)
    for verdict, each in result.by_verdict.items():
        mine = Counter(r.latency_cycles for r in records if r.verdict is verdict)
        assert dict(zip(each.cycles.tolist(), each.counts.tolist(), strict=True)) == mine
    assert [packet.verdict for packet in found] == [int(record.verdict) for record in records]
    assert sum(each.frames for each in result.timeline.slices) == len(frames)
    assert sum(each.total for each in result.timeline.slices) == sum(told)
    assert max(each.high for each in result.timeline.slices) == max(told)


def test_rates_and_paces_grow_and_what_has_none_cannot_be_swept(
    scenario: Callable[..., Path], capture: Callable[..., str]
) -> None:
    timed = [{"capture": capture("c.pcapng", [(0, bytes(60)), (1000, bytes(60))]), "pace": 2}]
    plan = read_scenario(scenario(ports=[{"speed": "1G", "traffic": timed}], duration="10us"))
    starts = [[arrival.first for arrival in arrivals(each.ports, each.duration)] for _, each in steps(plan, 2)]
    assert starts == [[0, 1_000_000], [0, 672_000]]  # the line needs 672 ns for the first, so the pace of 2 is too fast
    silent = read_scenario(scenario(ports=[{"speed": "1G"}], duration="1us"))
    with pytest.raises(InputError, match="no rate to sweep"):
        list(steps(silent, 2))
    slow = [{"frames": "one-flow", "rate": "3pps"}, {"frames": "one-flow", "rate": "9pps", "from": "host"}]
    plan = read_scenario(scenario(ports=[{"speed": "1G", "traffic": slow}], duration="1us"))
    with pytest.raises(InputError, match="fewer steps"):
        list(steps(plan, 4))
    rates = [[stream.rate.frames_per_second for stream in each.ports[0].traffic] for _, each in steps(plan, 3)]
    assert rates == [[1, 9], [2, 9], [3, 9]]
