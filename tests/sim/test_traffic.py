"""Ready-made traffic: what the names promise, from a seed."""

from __future__ import annotations

from collections import Counter

import pytest
from hardpath.hdl.errors import InputError
from hardpath.hdl.frame_sizes import MIN_FRAME
from hardpath.sim.traffic import INTERVAL_NS, MIXES, traffic
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether


@pytest.mark.parametrize("mix", MIXES)
def test_the_same_seed_gives_the_same_frames_and_another_count_only_more(mix: str) -> None:
    frames = list(traffic(mix, 300, seed=5))
    assert list(traffic(mix, 300, seed=5)) == frames
    assert list(traffic(mix, 100, seed=5)) == frames[:100]


@pytest.mark.parametrize("mix", MIXES)
def test_every_mix_fits_a_standard_datapath(mix: str) -> None:
    frames = list(traffic(mix, 2000))
    assert len(frames) == 2000
    assert all(MIN_FRAME <= len(frame.data) <= 1514 for frame in frames)
    assert [frame.time_ns for frame in frames] == [i * INTERVAL_NS for i in range(2000)]


@pytest.mark.parametrize("mix", ["64b", "imix", "one-flow", "many-flows"])
def test_checksums_of_generated_flows_are_right(mix: str) -> None:
    for frame in traffic(mix, 200):
        packet = Ether(frame.data)
        rebuilt = packet.copy()
        del rebuilt[IP].chksum, rebuilt[UDP].chksum
        assert bytes(rebuilt) == frame.data


def flows(mix: str, count: int) -> Counter[tuple[str, int]]:
    packets = (Ether(frame.data) for frame in traffic(mix, count))
    return Counter((packet[IP].src, packet[UDP].sport) for packet in packets)


def test_flow_mixes_have_the_flows_of_their_names() -> None:
    assert len(flows("one-flow", 500)) == 1
    assert set(flows("64b", 512).values()) == {2}
    assert len(flows("many-flows", 500)) > 450


def test_imix_has_its_sizes_in_seven_to_four_to_one() -> None:
    sizes = Counter(len(frame.data) for frame in traffic("imix", 12_000))
    assert set(sizes) == {60, 590, 1514}
    assert [round(sizes[size] / 1000) for size in (60, 590, 1514)] == [7, 4, 1]


def test_scapy_expressions_repeat_their_packets_with_fixed_addresses() -> None:
    frames = list(traffic('IP(dst="192.0.2.7")/UDP(dport=[53, 80])', 5))
    ports = [Ether(frame.data)[UDP].dport for frame in frames]
    assert ports == [53, 80, 53, 80, 53]
    assert {Ether(frame.data).src for frame in frames} == {"02:00:00:00:00:01"}


def test_random_fields_of_scapy_expressions_are_drawn_anew_from_the_seed() -> None:
    expression = "Ether()/IP(src=RandIP())/UDP()"
    frames = list(traffic(expression, 20, seed=3))
    assert len({frame.data for frame in frames}) > 15
    assert list(traffic(expression, 20, seed=3)) == frames


@pytest.mark.parametrize("text", ["", "no-such-mix", "Ether(", "1 + 1", "[]", '__import__("os").getcwd()'])
def test_anything_else_is_refused_in_one_line_that_names_the_mixes(text: str) -> None:
    with pytest.raises(InputError) as raised:
        list(traffic(text, 1))
    assert "\n" not in str(raised.value)
    assert all(mix in str(raised.value) for mix in MIXES)


def test_a_field_that_is_not_there_is_told_to_be_one() -> None:
    with pytest.raises(InputError, match="there is no field colour in that layer"):
        traffic("IP(colour=1)", 1)
