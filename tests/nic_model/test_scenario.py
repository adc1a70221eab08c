"""Scenario files: what they mean, and one line for everything that is wrong with them."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hardpath.hdl.errors import InputError
from hardpath.nic_model.arrivals import arrivals, from_host
from hardpath.nic_model.scenario import read_scenario
from hardpath.nic_model.wire import Line

Write = Callable[..., Path]
PORT = {"speed": "10G"}


def test_a_scenario_with_nothing_but_what_it_needs(scenario: Write) -> None:
    plan = read_scenario(scenario(ports=[PORT, PORT], duration="1.5ms"))
    assert plan.duration == 1_500_000_000
    assert [(port.name, port.ifindex, str(port.line)) for port in plan.ports] == [
        ("eth0", 1, "10G"),
        ("eth1", 2, "10G"),
    ]
    assert plan.program.name == "sorter"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"ports": [PORT]}, "duration is missing"),
    ({"ports": [PORT], "duration": "soon"}, "duration: 'soon' is no duration: give one as 2ms"),
    ({"ports": [PORT], "duration": "0us"}, "duration: '0us': nothing happens in no time"),
    ({"ports": [PORT], "duration": "0.0001ns"}, "duration: '0.0001ns': nothing happens in no time"),
    ({"duration": "1ms"}, "ports is missing: a NIC has at least one"),
    ({"duration": "1ms", "ports": 3}, "ports: must be a list"),
    ({"duration": "1ms", "ports": [{}]}, r"ports\[0\]: speed is missing"),
    ({"duration": "1ms", "ports": [{"speed": "3G"}]}, r"ports\[0\]: speed: there is no Ethernet at '3G'"),
    ({"duration": "1ms", "ports": [PORT, {**PORT, "ifindex": 1}]}, "two ports have ifindex 1"),
    ({"duration": "1ms", "ports": [{**PORT, "mtu": 9000}]}, r"ports\[0\]: there is no setting 'mtu': those are"),
    ({"duration": "1ms", "ports": [{**PORT, "rx-queue": "much"}]}, "rx-queue: 'much' is no number of bytes"),
    ({"duration": "1ms", "ports": [{**PORT, "host-rate": "1G"}]}, "host-rate: '1G': give frames a second"),
    ({"duration": "1ms", "ports": [{**PORT, "host-rate": 5}]}, "host-rate: 5: give frames a second"),
    ({"duration": "1ms", "ports": [{**PORT, "traffic": [{"frames": "64b", "rate": 5}]}]}, "rate '5': the unit is"),
    ({"duration": "1ms", "ports": [{**PORT, "traffic": [{}]}]}, r"traffic\[0\]: give either frames"),
    (
        {"duration": "1ms", "ports": [{**PORT, "traffic": [{"frames": "64b", "rate": "120%"}]}]},
        "rate: '120%': give a share of the line above 0% and up to 100%",
    ),
    (
        {"duration": "1ms", "ports": [{"speed": "1G", "traffic": [{"frames": "64b", "rate": "0.00000001%"}]}]},
        "rate: '0.00000001%' of 1G is less than a bit a second",
    ),
    (
        {"duration": "1ms", "ports": [{**PORT, "traffic": [{"capture": "c.pcap", "repeat": True}]}]},
        "a capture that is repeated or sent in bursts needs a rate",
    ),
    (
        {"duration": "1ms", "ports": [{**PORT, "traffic": [{"frames": "64b", "from": "mars"}]}]},
        "from: 'mars': frames are from the line or from the host",
    ),
    (
        {"duration": "1ms", "ports": [{**PORT, "traffic": [{"frames": "64b", "pace": 2}]}]},
        "pace is for a capture with its own times",
    ),
    ({"duration": "1ms", "ports": [PORT], "map-updates": [{"at": "2ms", "map": "seen", "key": ""}]}, "after the scen"),
    (
        {"duration": "1ms", "ports": [PORT], "map-updates": [{"at": "2us", "map": "cpus", "key": ""}]},
        r"map-updates\[0\]: map: the program uses no map 'cpus'; it uses .bss",
    ),
    (
        {"duration": "1ms", "ports": [PORT], "map-updates": [{"at": "2us", "map": ".bss", "key": "00"}]},
        r"map-updates\[0\]: key: 1 bytes, must be 4",
    ),
    ({"duration": "1ms", "ports": [PORT], "target": {"width": 48}}, "target: width: 48: give one of 8, 16"),
    ({"duration": "1ms", "ports": [PORT], "set": {"seen": "x"}}, "set: seen: 'x' is not a whole number"),
    ({"duration": "1ms", "ports": [PORT], "maps": {"nothing": []}}, "there is no map nothing"),
    ({"duration": "1ms", "ports": [PORT], "object": "none.o"}, "none.o"),
    (
        {"duration": "1ms", "ports": [{**PORT, "traffic": [{"frames": "64b"}, {"frames": "65b"}]}]},
        r"scenario.yaml: ports\[0\]: traffic\[1\]: frames: traffic '65b': .*: give one of 64b",
    ),
    ({"duration": "1ms", "ports": [PORT], "colour": "red"}, "there is no setting 'colour'"),
]


@pytest.mark.parametrize("settings, message", WRONG, ids=[message for _, message in WRONG])
def test_what_is_wrong_is_named(scenario: Write, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as raised:
        read_scenario(scenario(**settings))
    assert "\n" not in str(raised.value)


def test_files_that_are_no_scenarios_are_named(tmp_path: Path) -> None:
    for content, message in (
        ("a: 1\nb: [", "line 2, column 5: no YAML"),
        ("a: 1\na: 2", "line 2, column 1: no YAML: 'a' is there twice"),
        ("a: 2001-99-99", "no YAML: month must be in 1..12"),
        ("- 1", "must be a mapping"),
        ("\udcff", "not a text in UTF-8: give a YAML file"),
    ):
        path = tmp_path / "bad.yaml"
        path.write_bytes(content.encode(errors="surrogateescape"))
        with pytest.raises(InputError, match=message):
            read_scenario(path)
    with pytest.raises(InputError, match="No such file"):
        read_scenario(tmp_path / "none.yaml")


def times(plan: Path, end: int = 10**9) -> list[tuple[int, int]]:
    """First bit and size of what arrives."""
    return [(a.first, len(a.frame.data)) for a in arrivals(read_scenario(plan).ports, end)]


def with_traffic(scenario: Write, *traffic: dict[str, Any], speed: str = "10G") -> Path:
    return scenario(ports=[{"speed": speed, "traffic": list(traffic)}], duration="1ms")


def test_line_rate_is_back_to_back(scenario: Write) -> None:
    found = times(with_traffic(scenario, {"frames": "imix", "count": 500}))
    line = Line.parse("10G")
    assert len(found) == 500 and len({size for _, size in found}) == 3
    assert all(later - at == line.slot_ps(size) for (at, size), (later, _) in pairwise(found))


def test_a_rate_holds_on_average_and_bursts_are_back_to_back(scenario: Write) -> None:
    found = times(with_traffic(scenario, {"frames": "one-flow", "rate": "1Mpps", "burst": 8, "count": 80}))
    slot = Line.parse("10G").slot_ps(64)
    assert [at for at, _ in found] == [8_000_000 * (i // 8) + slot * (i % 8) for i in range(80)]
    halved = times(with_traffic(scenario, {"frames": "imix", "rate": "50%", "count": 300}))
    line = Line.parse("10G")
    assert all(later - at == 2 * line.slot_ps(size) for (at, size), (later, _) in pairwise(halved))


def test_a_capture_keeps_its_times_unless_the_line_is_busy(scenario: Write, capture: Callable[..., str]) -> None:
    name = capture("in.pcapng", [(10**9 + at, bytes(60)) for at in (0, 5, 4000, 9000)])
    assert [at for at, _ in times(with_traffic(scenario, {"capture": name, "start": "1us"}))] == [
        1_000_000,
        1_067_200,
        5_000_000,
        10_000_000,
    ]
    name = capture("back.pcapng", [(5, bytes(60)), (4, bytes(60))])
    with pytest.raises(InputError, match="packet 2 is from before the one in front of it"):
        times(with_traffic(scenario, {"capture": name}))


def test_a_repeated_capture_goes_on(scenario: Write, capture: Callable[..., str]) -> None:
    name = capture("in.pcapng", [(0, bytes(60)), (0, bytes(200))])
    found = times(with_traffic(scenario, {"capture": name, "rate": "100%", "repeat": True, "count": 7}))
    assert [size for _, size in found] == [60, 200, 60, 200, 60, 200, 60]


def test_streams_share_a_line_and_nothing_starts_after_the_end(scenario: Write) -> None:
    both = [{"frames": "one-flow", "rate": "100%"}, {"frames": "64b", "rate": "100%", "start": "1us", "stop": "3us"}]
    found = times(with_traffic(scenario, *both), end=10_000_000)
    slot = Line.parse("10G").slot_ps(64)
    assert [at for at, _ in found] == list(range(0, 10_000_000, slot))


def test_ports_are_merged_in_the_order_of_last_bits(scenario: Write) -> None:
    traffic = [{"frames": "imix", "count": 200}]
    plan = read_scenario(
        scenario(ports=[{"speed": s, "traffic": traffic} for s in ("10G", "1G", "10G")], duration="1ms")
    )
    found = list(arrivals(plan.ports, plan.duration))
    assert [(a.last, a.port) for a in found] == sorted((a.last, a.port) for a in found)
    assert all(a.frame.time_ns == a.last // 1000 and a.frame.ifindex == a.port + 1 for a in found)


def test_the_host_sends_on_its_own(scenario: Write) -> None:
    plan = read_scenario(with_traffic(scenario, {"frames": "64b", "from": "host", "rate": "1Mpps", "count": 3}))
    assert list(arrivals(plan.ports, plan.duration)) == []
    assert [(at, port) for at, port, _ in from_host(plan.ports, plan.duration)] == [(i * 10**6, 0) for i in range(3)]
