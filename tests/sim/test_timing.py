"""Rates as users write them, and what they mean in cycles."""

from __future__ import annotations

import pytest
from hardpath.hdl.errors import InputError
from hardpath.sim.timing import BACK_TO_BACK, Coin, Pace, Rate, coin_seed
from hypothesis import given
from hypothesis import strategies as st

CLOCK_HZ = 125_000_000


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("10G", Rate(bits_per_second=10**10)),
        ("2.5Gbps", Rate(bits_per_second=2_500_000_000)),
        ("100mbit", Rate(bits_per_second=10**8)),
        ("14.88Mpps", Rate(frames_per_second=14_880_000)),
        ("1000pps", Rate(frames_per_second=1000)),
    ],
)
def test_rates_are_read_as_users_write_them(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "fast", "0", "-1G", "10X", "1e9", "0.0001pps"])
def test_other_rates_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="give bits a second"):
        Rate.parse(text)


@pytest.mark.parametrize("text", ["5", "5.5", "10000000000"])
def test_a_number_alone_is_no_rate(text: str) -> None:
    with pytest.raises(InputError, match=f"the unit is missing: give bits a second as {text}G or .* as {text}Mpps"):
        Rate.parse(text)


def starts(rate: Rate, sizes: list[int]) -> list[int]:
    pace = Pace(rate, CLOCK_HZ)
    return [pace.start(size) for size in sizes]


def test_a_gigabit_port_has_84_cycles_between_shortest_frames() -> None:
    assert starts(Rate.parse("1G"), [60] * 4) == [0, 84, 168, 252]


def test_short_frames_are_padded_on_the_wire_and_long_ones_carry_overhead() -> None:
    assert starts(Rate.parse("1G"), [14, 1514, 60]) == [0, 84, 84 + 1538]


def test_frame_rates_do_not_look_at_sizes() -> None:
    assert starts(Rate.parse("1Mpps"), [60, 1514, 60]) == [0, 125, 250]


def test_back_to_back_never_waits() -> None:
    assert starts(BACK_TO_BACK, [60, 1514]) == [0, 0]


@given(st.integers(1, 400_000_000_000), st.lists(st.integers(14, 2048), min_size=2, max_size=50))
def test_rounding_to_cycles_does_not_add_up(bits: int, sizes: list[int]) -> None:
    on_wire = sum(8 * (max(size + 4, 64) + 20) for size in sizes[:-1])
    assert starts(Rate(bits_per_second=bits), sizes)[-1] == on_wire * CLOCK_HZ // bits


@given(st.integers(0, 2**32), st.integers(1, 2))
def test_a_coin_falls_as_often_as_its_chance_says(seed: int, which: int) -> None:
    coin = Coin(16384, coin_seed(seed, which))
    assert 800 < sum(coin.toss() for _ in range(4096)) < 1250
