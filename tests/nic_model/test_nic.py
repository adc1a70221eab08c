"""The NIC as a whole: nothing is lost without being counted, and every number can be told from the frames."""

from __future__ import annotations

import errno
import random
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from engines_here import skipped_without
from hardpath.hdl.errors import Refused
from hardpath.nic_model.nic import Fate, Nic, Outcome
from hardpath.nic_model.results import document
from hardpath.nic_model.scenario import read_scenario
from hardpath.nic_model.statistics import DROPS
from hardpath.nic_model.wire import Line
from hardpath.sim.captures import Frame, read_capture
from hardpath.sim.results import Verdict
from hardpath.sim.session import engine

Ran = Callable[..., tuple[Outcome, list[Fate], Any]]
PASS, TX, REDIRECT = 2, 3, 4
SWITCH = Path(__file__).parents[2] / "examples" / "switch" / "switch.o"


def frame(verdict: int, size: int = 60, port: int = 0, mark: int = 0) -> bytes:
    return bytes([verdict, port, mark & 0xFF, mark >> 8 & 0xFF]) + bytes(size - 4)


def mixed(count: int, seed: int) -> list[tuple[int, bytes]]:
    """Frames of all verdicts, lengths and targets, some that are too long or lead nowhere."""
    rng = random.Random(seed)
    sizes = (13, 14, 60, 60, 60, 64, 65, 300, 1514, 2048, 2049)
    return [(i, frame(rng.randrange(6), rng.choice(sizes), rng.randrange(5), i)) for i in range(count)]


def by_name(outcome: Outcome) -> dict[str, dict[str, int]]:
    return {str(port): port.counts.as_dict() for port in outcome.ports}


def test_every_frame_is_accounted_for_exactly_once(run: Ran, capture: Callable[..., str]) -> None:
    sent = {port: mixed(700, seed) for seed, port in enumerate(("a", "b", "c"))}
    ports = [
        {
            "name": name,
            "ifindex": ifindex,
            "speed": speed,
            "rx-queue": "5KiB",
            "tx-queue": 1,
            "host-queue": 5,
            "host-rate": "2Mpps",
            "traffic": [{"capture": capture(f"{name}.pcapng", sent[name]), "rate": "100%"}],
        }
        for name, ifindex, speed in (("a", 1, "100G"), ("b", 3, "100G"), ("c", 4, "40G"))
    ]
    ports[1]["traffic"].append({"frames": "one-flow", "from": "host", "rate": "5G", "count": 150})
    outcome, fates, _ = run(ports=ports, duration="1ms")
    statistics = by_name(outcome)
    own = [fate for fate in fates if fate.index is not None]
    assert sorted(fate.index for fate in own) == list(range(2100))
    assert sum(port.offered for port in outcome.ports) == 2100
    for port in outcome.ports:
        name, counts = str(port), statistics[str(port)]
        mine = Counter(fate.to for fate in own if fate.port == name)
        everyone = Counter(fate.to for fate in fates)
        assert mine.total() == port.offered == 700
        # Every drop is counted by what the frame's fate says, and by nothing else.
        for drop in DROPS:
            assert counts[drop] == mine[drop], drop
        assert counts["host_packets"] == mine[f"host {name}"]
        assert counts["tx_packets"] == everyone[f"tx {name}"]
        assert counts["rx_packets"] == 700 - counts["rx_length_errors"] - counts["rx_fifo_errors"]
        verdicts = ("aborted", "drop", "pass", "tx", "redirect")
        assert counts["rx_packets"] == sum(counts[f"rx_xdp_{verdict}"] for verdict in verdicts)
        assert counts["rx_xdp_pass"] == counts["host_packets"] + counts["rx_missed_errors"]
        assert counts["rx_dropped"] == counts["rx_xdp_tx_full"] + counts["rx_xdp_redirect_errors"]
        assert sum(map(Counter.total, port.latency.values())) == sum(
            n for to, n in mine.items() if to.startswith(("host ", "tx "))
        )
        assert counts["tx_bytes"] == sum(len(fate.data) for fate in fates if fate.to == f"tx {name}")
        # What wanted to go out of this port has gone out or was dropped there.
        redirected = sum(
            1 for fate in own if fate.verdict is Verdict.REDIRECT and fate.data[1] == port.settings.ifindex
        )
        wanted = counts["rx_xdp_tx"] + redirected + counts["tx_host_packets"]
        assert wanted == counts["tx_packets"] + counts["tx_dropped"]
        assert counts["tx_xdp_xmit"] == sum(
            1 for fate in own if fate.verdict is Verdict.REDIRECT and fate.to == f"tx {name}"
        )
    assert statistics["b"]["tx_host_packets"] == 150
    # The scenario reaches every counter.
    assert not {name for name in statistics["a"] if not any(counts[name] for counts in statistics.values())}
    # What a frame's bytes say is what became of it.
    data = [item[1] for name in sent for item in sent[name]]
    (seen,) = outcome.maps[".bss"].values()
    assert int.from_bytes(seen, "little") == sum(counts["rx_packets"] for counts in statistics.values())
    assert {fate.data for fate in own} <= set(data)
    for fate in own:
        if fate.verdict is not None:
            assert fate.verdict == (fate.data[0] if fate.data[0] <= REDIRECT else Verdict.ABORTED)


def test_frames_leave_as_the_line_lets_them(run: Ran, capture: Callable[..., str]) -> None:
    frames = [(i, frame(TX if i % 3 else REDIRECT, (60, 700, 1514)[i % 5 % 3], 2, i)) for i in range(200)]
    ports = [
        {"speed": "25G", "tx-queue": 1000, "traffic": [{"capture": capture("in.pcapng", frames), "rate": "100%"}]},
        {"speed": "100M", "tx-queue": 1000},
    ]
    outcome, fates, _ = run(ports=ports, duration="1ms")
    for name, line in (("eth0", Line.parse("25G")), ("eth1", Line.parse("100M"))):
        sent = [fate for fate in fates if fate.to == f"tx {name}"]
        assert len(sent) > 50
        assert [fate.data[2:4] for fate in sent] == sorted(fate.data[2:4] for fate in sent)
        starts = [(fate.left, len(fate.data)) for fate in sent]
        gaps = [after - at - line.slot_ps(size) for (at, size), (after, _) in pairwise(starts)]
        assert min(gaps) >= 0
        if name == "eth1":  # oversubscribed: never idle
            assert set(gaps) == {0}
        assert all(fate.left > fate.arrived for fate in sent)
    assert outcome.ports[1].sender.queue.peak > 50


def test_one_port_gives_what_sim_gives(run: Ran, capture: Callable[..., str]) -> None:
    frames = [(i, data) for i, (_, data) in enumerate(mixed(300, 9)) if 14 <= len(data) <= 2048]
    ports = [
        {
            "speed": "1G",
            "tx-queue": 1000,
            "host-queue": 1000,
            "traffic": [{"capture": capture("in.pcapng", frames), "rate": "100%", "queue": 3}],
        }
    ]
    outcome, fates, hardware = run(ports=ports, duration="10ms")
    simulation = hardware.simulate(Frame(data, 1, 3, time_ns) for time_ns, data in frames)
    assert sorted(fate.index for fate in fates) == list(range(len(frames)))
    for fate in fates:
        record = simulation.frames[fate.index]
        assert (fate.verdict, fate.data) == (record.verdict, record.out or frames[fate.index][1])
    assert outcome.verdicts == {v: n for v, n in simulation.result.verdicts.items() if n}
    assert outcome.maps == simulation.maps


def lost_by_counting(arrivals: list[tuple[int, int]], beats: Callable[[int], int], room: int) -> list[int]:
    """Which frames of (cycle, size) a queue of ``room`` bytes loses in front of a datapath that takes a beat each
    cycle, without pause."""
    inside: list[tuple[int, int]] = []  # cycle after the last beat, size
    lost = []
    for i, (cycle, size) in enumerate(arrivals):
        used = sum(each for end, each in inside if end > cycle - 1)
        if used + size > room:
            lost.append(i)
            continue
        inside.append((max(cycle - 1, inside[-1][0] if inside else 0) + beats(size), size))
    return lost


@pytest.mark.parametrize("room", [200, 3000])
def test_a_datapath_that_is_too_slow_loses_exactly_what_finds_no_room(
    run: Ran, capture: Callable[..., str], room: int
) -> None:
    rng = random.Random(room)
    frames = [(i, frame(PASS, rng.choice((65, 200)), 0, i)) for i in range(800)]
    traffic = [{"capture": capture("in.pcapng", frames), "rate": "100%"}]
    target = {"width": 8, "clock": 125}  # 8 Gb/s behind a line of 10
    ports = [{"speed": "10G", "rx-queue": room, "traffic": traffic}]
    _, fates, _ = run(ports=ports, duration="1ms", target=target)
    line, arrivals, at = Line.parse("10G"), [], 0
    for _, data in frames:
        arrivals.append((-(-(at + line.frame_ps(len(data))) // 8000), len(data)))
        at += line.slot_ps(len(data))
    lost = [fate.index for fate in fates if fate.to == "rx_fifo_errors"]
    assert lost == lost_by_counting(arrivals, lambda size: -(-size // 8), room)
    assert 10 < len(lost) < 400


def test_frames_go_to_cpus_whose_queues_are_as_their_map_says(run: Ran, capture: Callable[..., str]) -> None:
    frames = [(i, frame(i % 3)) for i in range(90)]
    ports = [{"speed": "10G", "traffic": [{"capture": capture("in.pcapng", frames), "rate": "100%"}]}]
    entries = [{"key": f"0{cpu}000000", "value": f"{depth:02x}000000"} for cpu, depth in ((0, 200), (1, 3))]
    outcome, fates, _ = run(
        program="to_cpu", maps={"cpus": entries}, ports=ports, duration="1ms", **{"redirect-queue": {"rate": "1kpps"}}
    )
    # Nothing waits for CPU 2, so the program's fallback drops. A CPU takes one frame at once, the rest has to wait.
    assert outcome.queues["cpu 0"].packets == 30 and outcome.queues["cpu 0"].dropped == 0
    assert outcome.queues["cpu 1"].packets == 4 and outcome.queues["cpu 1"].dropped == 26
    assert Counter(fate.to for fate in fates) == {
        "cpu 0": 30,
        "cpu 1": 4,
        "rx_xdp_redirect_errors": 26,
        "rx_xdp_drop": 30,
    }


def test_a_broadcast_leaves_from_every_other_port(run: Ran, capture: Callable[..., str]) -> None:
    stations = [bytes((2, 0, 0, 0, 0, number)) for number in range(3)]
    frames = [(1000 * i, bytes((2, 9, 0, 0, 0, 0)) + stations[0] + bytes(48)) for i in range(10)]
    answer = [(20_000, stations[0] + stations[1] + bytes(48))]
    ports: list[dict[str, Any]] = [{"name": name, "ifindex": i, "speed": "10G"} for i, name in enumerate("abc", 1)]
    ports[0]["traffic"] = [{"capture": capture("a.pcapng", frames)}]
    ports[1]["traffic"] = [{"capture": capture("b.pcapng", answer)}]
    entries = [{"key": f"0{number}000000", "value": f"0{number}000000"} for number in (1, 2, 3)]
    outcome, fates, _ = run(
        object=str(SWITCH), program="switch_frame", maps={"ports": entries}, ports=ports, duration="1ms"
    )
    assert Counter((fate.port, fate.to) for fate in fates) == {("a", "tx b"): 10, ("a", "tx c"): 10, ("b", "tx a"): 1}
    statistics = by_name(outcome)
    assert [statistics[name]["tx_xdp_xmit"] for name in "abc"] == [1, 10, 10]
    assert statistics["a"]["rx_xdp_redirect"] == 10 and statistics["a"]["rx_xdp_redirect_errors"] == 0


def test_a_number_that_could_be_a_port_or_a_cpu_is_refused(run: Ran) -> None:
    with pytest.raises(Refused, match=r"redirects to a cpu \(map cpus\) and to a port \(map ports\)"):
        run(program="to_either", ports=[{"speed": "1G"}], duration="1us")


def test_the_document_adds_up(run: Ran, scenario: Callable[..., Path]) -> None:
    settings = {
        "ports": [{"speed": "10G", "traffic": [{"frames": "random", "rate": "1Mpps", "burst": 10}]}],
        "duration": "200us",
    }
    outcome, _, hardware = run(**settings)
    result = document(read_scenario(scenario(**settings)), hardware, "verilator", outcome, 1.0)
    port = result["ports"]["eth0"]
    assert port["line_packets"] == 200 and port["line_pps"] == 1_000_000
    assert sum(result["verdicts"].values()) == port["statistics"]["rx_packets"]
    assert sum(result["drops"].values()) + port["statistics"]["host_packets"] + port["statistics"]["tx_packets"] == 200
    for figures in port["latency_ns"].values():
        assert 0 < figures["min"] <= figures["p50"] <= figures["p99"] <= figures["max"]


def test_events_are_told_with_the_frames_that_made_them(
    run: Ran, scenario: Callable[..., Path], capture: Callable[..., str]
) -> None:
    example = Path(__file__).parents[2] / "examples" / "telemetry"
    frames = [each.data for each in read_capture(example / "capture.pcap")]
    frames[3:3] = [bytes(13), bytes(2049)]  # the NIC takes neither
    traffic = [{"capture": capture("in.pcapng", list(enumerate(frames))), "rate": "100%"}]
    ports = [{"speed": "1G", "traffic": traffic}]
    plan = read_scenario(scenario(object=str(example / "telemetry.o"), program=None, ports=ports, duration="1s"))
    hardware = plan.build.compile(plan.program.verify(), lambda step: None)
    fates: dict[int, Fate] = {}
    told: list[tuple[int, str]] = []
    nic = Nic(
        plan,
        hardware,
        lambda fate: fates.update({fate.index: fate}),
        lambda index, event: told.append((index, event.text)),
    )
    nic.run(engine("verilator"))
    seen = [index for index, data in enumerate(frames) if 14 <= len(data) <= 2048]
    model = hardware.session.interpreter([Frame(frames[i], time_ns=fates[i].arrived // 1000) for i in seen])
    assert told == [(seen[number], text) for number, text in model.told["events"]]
    assert len(told) > 5 and told[-1][0] > 5


def test_the_host_changes_maps_while_frames_pass(run: Ran, capture: Callable[..., str]) -> None:
    frames = [(i, frame(1, mark=i)) for i in range(3000)]
    ports = [{"speed": "10G", "traffic": [{"capture": capture("in.pcapng", frames), "rate": "100%"}]}]
    entry = {"map": "cpus", "key": "01000000"}
    updates = [
        {"at": "150us", **entry},
        {"at": "50us", **entry, "value": "00080000"},
        {"at": "199us", **entry, "key": "09000000"},  # there is no such CPU
    ]
    outcome, fates, _ = run(program="to_cpu", ports=ports, duration="200us", **{"map-updates": updates})
    put, deleted, again = outcome.updates
    assert [update.wanted.at for update in outcome.updates] == [50_000_000, 150_000_000, 199_000_000]
    assert (put.errno, deleted.errno, again.errno) == (0, 0, errno.EINVAL)
    ways: dict[str, list[int]] = {"before": [], "between": [], "after": []}
    for fate in fates:
        # 64 cycles: what a frame may take from its last bit in to the map
        if fate.arrived < put.begun - 64 * 8000:
            assert fate.to == "rx_xdp_drop"
            ways["before"].append(fate.index)
        elif put.ended < fate.arrived < deleted.begun - 64 * 8000:
            assert fate.to == "cpu 1"
            ways["between"].append(fate.index)
        elif fate.arrived > deleted.ended:
            assert fate.to == "rx_xdp_drop"
            ways["after"].append(fate.index)
    assert min(map(len, ways.values())) > 500
    # One moment each: no frame before it sees the new contents, none behind it the old ones.
    order = [fate.to for fate in sorted(fates, key=lambda fate: fate.index)]
    assert sum(one != other for one, other in pairwise(order)) == 2
    # The host takes its time on the bus, and frames go on coming at line rate.
    assert all(0 < update.ended - update.begun < 1_000_000 for update in outcome.updates)
    assert len(fates) == outcome.ports[0].offered


def test_both_engines_give_the_same_fates(run: Ran, capture: Callable[..., str]) -> None:
    traffic = [{"capture": capture("in.pcapng", mixed(150, 4)), "rate": "100%"}]
    ports = [{"speed": "100G", "rx-queue": "3KiB", "tx-queue": 1, "traffic": traffic}, {"speed": "1G"}]
    updates = [{"at": "2us", "map": ".bss", "key": bytes(4).hex(), "value": (1 << 32).to_bytes(8, "little").hex()}]
    outcomes = []
    for name in ("verilator", "cocotb"):
        with skipped_without():
            outcome, fates, _ = run(ports=ports, duration="1ms", on=name, **{"map-updates": updates})
        outcomes.append((by_name(outcome), fates, outcome.cycles, outcome.stalls, outcome.maps, outcome.updates))
    assert outcomes[0] == outcomes[1]
    (seen,) = outcome.maps[".bss"].values()
    assert 1 << 32 < int.from_bytes(seen, "little") < (1 << 32) + outcome.verdicts.total()
