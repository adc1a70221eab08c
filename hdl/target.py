"""What hardware is built for: clock, frame stream width and delays."""

from __future__ import annotations

from dataclasses import dataclass

from .errors import InputError
from .frame_sizes import LONGEST_FRAME, MIN_FRAME, WIDTHS

SLOWEST_CLOCK, FASTEST_CLOCK = 1.0, 500.0
"""MHz; the latter is beyond what block memories reach, so no plan for a faster clock means anything."""

LARGEST_II = 4096
"""Cycles; no pipeline has so many stages, so that a larger one would change nothing."""


@dataclass(frozen=True)
class Target:
    """``clock_mhz``: clock in MHz. ``width``: bytes a beat of the frame streams. ``max_frame``: longest frame in bytes.

    ``event_queue``: beats of events that wait until the host fetches them over the control bus; 0: they leave through
    ports of their own, as fast as they come.
    ``ii``: the initiation interval: cycles from a frame to the next one, at least. Frames that come no faster anyway
    (from a 1 Gb/s port 84 cycles apart at 125 MHz) need fewer registers, memory ports and units. A pipeline of fewer
    stages takes a frame whenever it is empty.
    ``block_rams``: block memories (of 18 Kbit) that it should get by with, where there is a choice; None: any number.
    ``margin``: share of the clock period that stages may fill (the rest is for routing and clock skew).

    Raises `InputError` for what cannot be built.
    """

    clock_mhz: float = 125.0
    width: int = 64
    max_frame: int = 2048
    margin: float = 0.85
    event_queue: int = 0
    ii: int = 1
    block_rams: int | None = None

    def __post_init__(self) -> None:
        if self.width not in WIDTHS:
            raise InputError(f"width {self.width}: a beat has {', '.join(map(str, WIDTHS[:-1]))} or {WIDTHS[-1]} bytes")
        for name, value, least, most in (
            ("clock_mhz", self.clock_mhz, SLOWEST_CLOCK, FASTEST_CLOCK),
            ("max_frame", self.max_frame, MIN_FRAME, LONGEST_FRAME),
            ("ii", self.ii, 1, LARGEST_II),
        ):
            if not least <= value <= most:
                raise InputError(f"{name} {value:g}: give {least:g} to {most:g}")

    @property
    def period_ns(self) -> float:
        """Length of a cycle in ns."""
        return 1000.0 / self.clock_mhz
