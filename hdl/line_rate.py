"""What Ethernet ports bring in, and the cheapest datapath that takes it: bytes a beat, cycles from frame to frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, floor

from .errors import Refused
from .frame_sizes import WIDTHS

PREAMBLE, FCS, GAP = 8, 4, 12
"""Bytes of a line that a frame takes beside its own (IEEE 802.3 clauses 3 and 4)."""

SHORTEST_ON_WIRE = 64
"""Bytes of the shortest frame, FCS included; shorter ones are padded."""

TOLERANCE = 2e-4
"""How much faster than our clock the line may run: 100 ppm each (IEEE 802.3 clause 22.2.2.1)."""


@dataclass(frozen=True)
class Ports:
    """Ports of one speed. ``clock_mhz``: the clock that a datapath for them usually has."""

    name: str
    gbps: float
    clock_mhz: float

    def frame_cycles(self, size: int, clock_mhz: float) -> float:
        """Cycles from a frame of ``size`` bytes (without FCS) to the next one, back to back."""
        return slot_bits(size) / self.gbps * clock_mhz / 1000

    def width(self, clock_mhz: float, max_frame: int) -> int:
        """The fewest bytes a beat with which frames of every length come in as fast as the line brings them.

        Raises `Refused` if no width does.
        """
        sizes = range(SHORTEST_ON_WIRE - FCS, max_frame + 1)
        for width in WIDTHS:
            if all(ceil(size / width) <= self.frame_cycles(size, clock_mhz) * (1 - TOLERANCE) for size in sizes):
                return width
        raise Refused(
            f"{WIDTHS[-1]} bytes a beat at {clock_mhz:g} MHz are not enough for {self.name} ports",
            f"use a faster clock: usual for these ports are {self.clock_mhz:g} MHz",
        )

    def leaves(self, clock_mhz: float, ports: int = 1) -> int:
        """Whole cycles from frame to frame if so many ports bring in the shortest ones, back to back."""
        return floor(self.frame_cycles(SHORTEST_ON_WIRE - FCS, clock_mhz) * (1 - TOLERANCE) / ports)

    def ii(self, clock_mhz: float) -> int:
        """The largest initiation interval for the shortest frames, back to back. Raises `Refused` if there is none."""
        cycles = self.leaves(clock_mhz)
        if not cycles:
            raise Refused(
                f"{self.name} ports bring in more than a frame a cycle at {clock_mhz:g} MHz",
                f"use a faster clock: usual for these ports are {self.clock_mhz:g} MHz",
            )
        return cycles


PORTS: Mapping[str, Ports] = {
    ports.name: ports
    for ports in (Ports("1g", 1, 125.0), Ports("10g", 10, 156.25), Ports("25g", 25, 250.0), Ports("100g", 100, 250.0))
}


def slot_bits(size: int) -> int:
    """Bits of a line that a frame of ``size`` bytes (without FCS) takes with all that belongs to it."""
    return 8 * (PREAMBLE + max(size + FCS, SHORTEST_ON_WIRE) + GAP)


def carried_gbps(width: int, clock_mhz: float, cycles: int, max_frame: int) -> float:
    """The line that a datapath of ``width`` bytes a beat keeps up with, whatever the frames' lengths, if each takes
    ``cycles`` at least."""
    # The least is at the shortest frame, or where one more byte needs one more beat.
    sizes = {SHORTEST_ON_WIRE - FCS, *range(1 + SHORTEST_ON_WIRE // width * width, max_frame + 1, width)}
    return min(slot_bits(size) / max(cycles, ceil(size / width)) for size in sizes) * clock_mhz / 1000
