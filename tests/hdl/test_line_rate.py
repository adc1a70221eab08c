"""Line rate: what is chosen keeps up with frames of every length, and nothing smaller does."""

from __future__ import annotations

from math import ceil

import pytest
from hardpath.hdl.errors import Refused
from hardpath.hdl.frame_sizes import WIDTHS
from hardpath.hdl.line_rate import PORTS, TOLERANCE, Ports, carried_gbps, slot_bits

SIZES = range(60, 2049)


def keeps_up(ports: Ports, width: int, clock: float, ii: int) -> bool:
    """Bits that come in while each frame is taken, at a line as fast as it may be."""
    ns = (max(ii, ceil(size / width)) * 1000 / clock for size in SIZES)
    return all(slot_bits(size) >= time * ports.gbps * (1 + TOLERANCE) for size, time in zip(SIZES, ns, strict=True))


@pytest.mark.parametrize("ports", PORTS.values(), ids=str)
@pytest.mark.parametrize("clock", [None, 100.0, 125.0, 200.0, 322.0])
def test_the_choice_keeps_up_and_a_smaller_one_does_not(ports: Ports, clock: float | None) -> None:
    clock = clock or ports.clock_mhz
    try:
        width, ii = ports.width(clock, 2048), ports.ii(clock)
    except Refused:
        assert not keeps_up(ports, WIDTHS[-1], clock, 1)
        return
    assert keeps_up(ports, width, clock, ii)
    assert not keeps_up(ports, width, clock, ii + 1)
    narrower = [each for each in WIDTHS if each < width]
    assert not narrower or not keeps_up(ports, narrower[-1], clock, 1)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("cycles", [1, 2, 10, 84])
def test_what_is_carried_is_the_least_over_all_lengths(width: int, cycles: int) -> None:
    least = min(slot_bits(size) / max(cycles, ceil(size / width)) for size in SIZES) / 8
    assert carried_gbps(width, 125.0, cycles, 2048) == pytest.approx(least)


def test_a_gigabit_port_leaves_84_cycles() -> None:
    assert PORTS["1g"].frame_cycles(60, 125.0) == pytest.approx(84)
    assert PORTS["1g"].ii(125.0) == 83
