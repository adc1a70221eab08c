"""Time on the line and in queues, against models that count."""

from __future__ import annotations

import random

import pytest
from hardpath.hdl.errors import InputError
from hardpath.nic_model.wire import SECOND, SPEEDS, Line, Reader, Sender, Transmitter


@pytest.mark.parametrize("name", SPEEDS)
def test_a_byte_takes_a_whole_number_of_picoseconds(name: str) -> None:
    line = Line.parse(name)
    assert line.byte_ps * line.bits_per_second == 8 * SECOND
    assert str(line) == name


def test_minimum_frames_have_the_rates_that_everyone_knows() -> None:
    for name, pps in (("1G", 1_488_095), ("10G", 14_880_952), ("100G", 148_809_523)):
        # 60 bytes without FCS, and all shorter ones, which are padded on the line.
        assert {SECOND // Line.parse(name).slot_ps(size) for size in (14, 42, 60)} == {pps}
    assert SECOND // Line.parse("10G").slot_ps(1514) == 812_743


def test_frames_keep_their_gap_and_start_no_earlier_than_they_want() -> None:
    line = Line.parse("10G")
    transmitter = Transmitter(line)
    assert [transmitter.send(at, 60) for at in (0, 0, 500_000)] == [
        (0, 57_600),
        (67_200, 124_800),
        (500_000, 557_600),
    ]


def test_what_is_no_ethernet_is_refused() -> None:
    with pytest.raises(InputError, match=r"no Ethernet at '3G': give one of 100M"):
        Line.parse("3G")


def lost_by_counting(times: list[int], service: list[int], depth: int) -> list[int]:
    """A queue looked at the simple way: who is waiting when a frame comes, and who is being served?"""
    served: list[tuple[int, int]] = []  # start and end of service of those that were let in
    lost = []
    for i, at in enumerate(times):
        if sum(start > at for start, _ in served) >= depth:
            lost.append(i)
            continue
        start = max(at, served[-1][1] if served else 0)
        served.append((start, start + service[i]))
    return lost


@pytest.mark.parametrize("depth", [1, 3, 16])
def test_queues_lose_what_finds_no_place(depth: int) -> None:
    rng = random.Random(depth)
    line = Line.parse("1G")
    sizes = [rng.randint(14, 1514) for _ in range(400)]
    times = sorted(rng.randrange(line.slot_ps(700) * 330) for _ in sizes)
    sender = Sender(line, depth)
    lost = [i for i, (at, size) in enumerate(zip(times, sizes, strict=True)) if sender.offer(at, size) is None]
    assert lost == lost_by_counting(times, [line.slot_ps(size) for size in sizes], depth)
    assert len(lost) > 5 and sender.queue.peak == depth
    reader = Reader(depth, 5_000_000)
    lost = [i for i, at in enumerate(times) if reader.offer(at, 0) is None]
    assert lost == lost_by_counting(times, [5_000_000] * len(times), depth)


def test_a_host_without_a_rate_takes_everything_at_once() -> None:
    reader = Reader(1)
    assert [reader.offer(at, 60) for at in (1, 1, 2)] == [1, 1, 2]
    assert reader.queue.peak == 0
