"""When the input offers frames and when the output takes them; the twin of sim/native/timing.hpp."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..hdl.errors import InputError
from ..hdl.line_rate import slot_bits

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9}


@dataclass(frozen=True)
class Rate:
    """How fast frames arrive: bits a second on the wire (with preamble, FCS and gap) or frames a second.

    Both 0: back to back, as fast as the datapath takes them.
    """

    bits_per_second: int = 0
    frames_per_second: int = 0

    @classmethod
    def parse(cls, text: str) -> Rate:
        """``10G``, ``1Gbps``, ``100Mbit`` (bits) or ``14.88Mpps`` (frames). A number alone says neither how many nor
        of what, so it is none. Raises `InputError`."""
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmg]?)(pps|bps|bit|bit/s)?", text.strip().lower())
        number = round(float(found[1]) * _UNITS[found[2]]) if found else 0
        if not found or number == 0:
            raise InputError(f"rate {text!r}: give bits a second as 10G or 100Mbps, or frames a second as 1.5Mpps")
        if not (found[2] or found[3]):
            raise InputError(f"rate {text!r}: the unit is missing: give bits a second as {text}G or {text}Mbps, or "
                             f"frames a second as {text}Mpps")
        return cls(frames_per_second=number) if found[3] == "pps" else cls(bits_per_second=number)


BACK_TO_BACK = Rate()


class Pace:
    """The first cycle in which each frame may start.

    A datapath that lags behind gets the frames that waited at once.
    """

    def __init__(self, rate: Rate, clock_hz: int) -> None:
        self._rate = rate
        self._clock_hz = clock_hz
        self._total = 0

    def start(self, size: int) -> int:
        """Earliest start cycle of the next frame, which has ``size`` bytes."""
        rate = self._rate.bits_per_second or self._rate.frames_per_second
        if not rate:
            return 0
        start = self._total // rate
        self._total += (slot_bits(size) if self._rate.bits_per_second else 1) * self._clock_hz
        return start


CERTAIN = 65536


class Coin:
    """Falls on True in ``chance`` of 65536 tosses: xorshift32 (Marsaglia 2003), the same in C++."""

    def __init__(self, chance: int, seed: int) -> None:
        self._chance = chance
        self._state = seed

    def toss(self) -> bool:
        """The next side."""
        if self._chance >= CERTAIN:
            return True
        state = self._state
        state ^= state << 13 & 0xFFFF_FFFF
        state ^= state >> 17
        state ^= state << 5 & 0xFFFF_FFFF
        self._state = state
        return (state >> 8 & 0xFFFF) < self._chance


def coin_seed(seed: int, which: int) -> int:
    """A 32-bit start value, never 0, for coin number ``which`` of a run."""
    return ((seed * 0x9E37_79B1 + which * 0x85EB_CA6B) & 0x7FFF_FFFF) | 0x8000_0000
