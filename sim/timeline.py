"""Latencies by the time at which frames came in, in a fixed number of slices however long the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

SLICES = 64  # also in native/timeline.hpp


@dataclass(slots=True)
class Slice:
    """Frames that came in during a slice of time: their number, the least, greatest and sum of their latencies."""

    frames: int = 0
    low: int = 0
    high: int = 0
    total: int = 0

    def join(self, other: Slice) -> None:
        """Take in the frames of another one."""
        if not other.frames:
            return
        self.low = min(self.low, other.low) if self.frames else other.low
        self.high = max(self.high, other.high)
        self.frames += other.frames
        self.total += other.total

    @property
    def mean(self) -> float | None:
        return self.total / self.frames if self.frames else None


class Timeline:
    """At most `SLICES` slices of equal ``width``, a power of two, from ``origin`` on, by default the first frame. Times
    and latencies are in units of the user's: cycles or ps."""

    def __init__(self, origin: int | None = None) -> None:
        self.width = 1
        self.slices: list[Slice] = []
        self._origin = origin

    @classmethod
    def parse(cls, document: dict[str, Any]) -> Timeline:
        """What `document` gives; the native engine tells it in this form."""
        made = cls()
        made.width = document["width"]
        made.slices = [Slice(*values) for values in document["slices"]]
        return made

    def document(self) -> dict[str, Any]:
        """``{"width": ..., "slices": [[frames, low, high, total], ...]}``."""
        slices = [[each.frames, each.low, each.high, each.total] for each in self.slices]
        return {"width": self.width, "slices": slices}

    def add(self, at: int, latency: int) -> None:
        """A frame that came in at a time, not before the origin."""
        if self._origin is None:
            self._origin = at
        number = (at - self._origin) // self.width
        while number >= SLICES:
            self._widen()
            number //= 2
        while number >= len(self.slices):
            self.slices.append(Slice())
        self.slices[number].join(Slice(1, latency, latency, latency))

    def _widen(self) -> None:
        """Slices of twice the width, two joined to one."""
        for even, odd in zip(self.slices[::2], self.slices[1::2], strict=False):
            even.join(odd)
        self.slices = self.slices[::2]
        self.width *= 2
