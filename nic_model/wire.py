"""Time on an Ethernet line and in finite queues, in picoseconds, exact."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ..hdl.errors import InputError
from ..hdl.line_rate import FCS, GAP, PREAMBLE, SHORTEST_ON_WIRE

SECOND = 10**12  # ps

SPEEDS = {
    name: round(float(name[:-1]) * {"M": 10**6, "G": 10**9}[name[-1]])
    for name in ("100M", "1G", "2.5G", "5G", "10G", "25G", "40G", "50G", "100G")
}
"""Bits a second. A byte takes a whole number of picoseconds at each of them."""


@dataclass(frozen=True)
class Line:
    """An Ethernet line of one of `SPEEDS`. Frame sizes are in bytes, without FCS; short ones are padded on the line."""

    bits_per_second: int

    @classmethod
    def parse(cls, text: str) -> Line:
        """``10G``. Raises `InputError` for a speed that is not Ethernet's."""
        try:
            return cls(SPEEDS[str(text).strip().upper()])
        except KeyError:
            raise InputError(f"there is no Ethernet at {text!r}: give one of {', '.join(SPEEDS)}") from None

    def __str__(self) -> str:
        return next(name for name, speed in SPEEDS.items() if speed == self.bits_per_second)

    @property
    def byte_ps(self) -> int:
        """Time of a byte."""
        return 8 * SECOND // self.bits_per_second

    def frame_ps(self, size: int) -> int:
        """From the preamble's first bit to the FCS's last."""
        return (PREAMBLE + max(size + FCS, SHORTEST_ON_WIRE)) * self.byte_ps

    def slot_ps(self, size: int) -> int:
        """From the preamble's first bit to the first moment at which the next frame's may be sent."""
        return self.frame_ps(size) + GAP * self.byte_ps


class Transmitter:
    """What a line sends: one frame after the other, with a gap between them."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self._free = 0

    def send(self, at: int, size: int) -> tuple[int, int]:
        """A frame that wants to leave at ``at`` leaves then, or as soon as the line is free: first and last bit."""
        start = max(at, self._free)
        self._free = start + self.line.slot_ps(size)
        return start, start + self.line.frame_ps(size)


class Queue:
    """A queue of at most ``depth`` frames. Who puts a frame in knows at once when its turn will come.

    A frame leaves the queue when its turn comes, so the one being served does not count. ``peak``: most frames that
    were in it at a time.
    """

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.peak = 0
        self._starts: deque[int] = deque()

    def has_room(self, at: int) -> bool:
        """Whether a frame that comes at ``at`` finds a place; ``at`` never goes back."""
        while self._starts and self._starts[0] <= at:
            self._starts.popleft()
        return len(self._starts) < self.depth

    def put(self, at: int, start: int) -> None:
        """A frame comes at ``at``, and its turn at ``start``. It was asked whether there is room."""
        if start > at:
            self._starts.append(start)
            self.peak = max(self.peak, len(self._starts))


class Sender:
    """A port's transmit side: a queue in front of the line."""

    def __init__(self, line: Line, depth: int) -> None:
        self.queue = Queue(depth)
        self._transmitter = Transmitter(line)

    def offer(self, at: int, size: int) -> int | None:
        """When the first bit of a frame leaves that comes at ``at``; None if there is no room for it."""
        if not self.queue.has_room(at):
            return None
        start, _ = self._transmitter.send(at, size)
        self.queue.put(at, start)
        return start


class Reader:
    """The host's side of a queue: it takes a frame every ``interval`` ps, 0: at once."""

    def __init__(self, depth: int, interval: int = 0) -> None:
        self.queue = Queue(depth)
        self._interval = interval
        self._free = 0

    def offer(self, at: int, size: int) -> int | None:
        """When the host takes a frame that comes at ``at``; None if there is no room for it."""
        if not self.queue.has_room(at):
            return None
        start = max(at, self._free)
        self._free = start + self._interval
        self.queue.put(at, start)
        return start
