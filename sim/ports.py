"""Where the frames that enter the datapath come from: a capture with a pace, or the receive queues of ports.

``native/sources.hpp`` does the same, faster.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from .captures import Frame
from .timing import Pace, Rate

REST = 4096  # cycles without frames after which the clock may stop until the next one comes


class Supply(Protocol):
    """Frames with their index in the input."""

    def begin_cycle(self, cycle: int) -> None:
        """What comes about in this cycle before a frame is asked for; called once a cycle."""

    def take(self, cycle: int) -> tuple[int, Frame] | None:
        """The next frame if one may start in this cycle."""

    def accepted(self) -> None:
        """The last beat of the frame taken last was accepted."""

    @property
    def done(self) -> bool:
        """There will be no frame any more."""


class Paced:
    """All frames of an input at a pace."""

    def __init__(self, frames: Iterator[tuple[int, Frame]], rate: Rate, clock_hz: int) -> None:
        self._frames = frames
        self._pace = Pace(rate, clock_hz)
        self._advance()

    def _advance(self) -> None:
        self._next = next(self._frames, None)
        self._start = self._pace.start(len(self._next[1].data)) if self._next else 0

    def begin_cycle(self, cycle: int) -> None:
        pass

    def take(self, cycle: int) -> tuple[int, Frame] | None:
        if self._next is None or cycle < self._start:
            return None
        taken = self._next
        self._advance()
        return taken

    def accepted(self) -> None:
        pass

    @property
    def done(self) -> bool:
        return self._next is None


@dataclass
class _Port:
    ifindex: int
    room: int  # bytes that its queue still takes: a frame needs its bytes until its last beat has been accepted
    queue: deque[tuple[int, Frame]] = field(default_factory=deque)


class Ports:
    """Ports with a receive queue each, served in turn, a frame at a time.

    A frame is queued in the cycle in which the port has received it whole, if its bytes have room then; else it is
    lost. Arrivals of one cycle are queued in the order in which they were told.
    """

    def __init__(self) -> None:
        self._ports: list[_Port] = []
        self._arrivals: deque[tuple[int, int, int, Frame]] = deque()  # cycle, port, index, frame
        self._lost: list[int] = []
        self._count = 0
        self._turn = 0
        self._reading: tuple[_Port, int] | None = None  # the port of the frame that is read, and its bytes

    def add(self, ifindex: int, size: int) -> None:
        """A port whose queue takes ``size`` bytes."""
        self._ports.append(_Port(ifindex, size))

    @property
    def used(self) -> bool:
        """There are ports."""
        return bool(self._ports)

    def arrive(self, cycle: int, frame: Frame) -> None:
        """A frame is complete in the receiver of its port; cycles never go back."""
        if self._arrivals and cycle < self._arrivals[-1][0]:
            raise ValueError(f"frames arrive out of order: cycle {cycle}")
        port = next(i for i, port in enumerate(self._ports) if port.ifindex == frame.ifindex)
        self._arrivals.append((cycle, port, self._count, frame))
        self._count += 1

    def begin_cycle(self, cycle: int) -> None:
        while self._arrivals and self._arrivals[0][0] <= cycle:
            _, number, index, frame = self._arrivals.popleft()
            port = self._ports[number]
            if len(frame.data) > port.room:
                self._lost.append(index)
            else:
                port.room -= len(frame.data)
                port.queue.append((index, frame))

    def take(self, cycle: int) -> tuple[int, Frame] | None:
        for step in range(len(self._ports)):
            number = (self._turn + step) % len(self._ports)
            port = self._ports[number]
            if port.queue:
                taken = port.queue.popleft()
                self._reading = port, len(taken[1].data)
                self._turn = (number + 1) % len(self._ports)
                return taken
        return None

    def accepted(self) -> None:
        assert self._reading is not None
        port, size = self._reading
        port.room += size

    @property
    def empty(self) -> bool:
        """No frame is queued."""
        return not any(port.queue for port in self._ports)

    @property
    def done(self) -> bool:
        return self.empty and not self._arrivals

    def next_arrival(self, otherwise: int | None) -> int | None:
        """The cycle of the next arrival, ``otherwise`` if there is none before."""
        if not self._arrivals:
            return otherwise
        cycle = self._arrivals[0][0]
        return cycle if otherwise is None else min(cycle, otherwise)

    def lost(self) -> list[int]:
        """Indices of the frames for which there was no room, since the last call."""
        lost, self._lost = self._lost, []
        return lost
