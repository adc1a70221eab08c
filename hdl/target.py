"""What hardware is built for: clock, frame stream width and delays."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    """``clock_mhz``: clock in MHz. ``width``: bytes a beat of the frame streams. ``max_frame``: longest frame in bytes.

    ``event_queue``: beats of events that wait until the host fetches them over the control bus; 0: they leave through
    ports of their own, as fast as they come.
    ``ii``: the initiation interval: cycles from a frame to the next one, at least. Frames that come no faster anyway
    (from a 1 Gb/s port 84 cycles apart at 125 MHz) need fewer registers, memory ports and units. A pipeline of fewer
    stages takes a frame whenever it is empty.
    ``margin``: share of the clock period that stages may fill (the rest is for routing and clock skew).
    """

    clock_mhz: float = 125.0
    width: int = 64
    max_frame: int = 2048
    margin: float = 0.85
    event_queue: int = 0
    ii: int = 1

    @property
    def period_ns(self) -> float:
        """Length of a cycle in ns."""
        return 1000.0 / self.clock_mhz
