"""How much work verification takes on, and how an exploration fails."""

from __future__ import annotations

import time
from dataclasses import dataclass

from ...hdl.errors import HardpathError

SHORT, LONG = 1_000, 10_000
"""Instructions of programs for which `Limits` states the time."""


@dataclass(frozen=True)
class Limits:
    """How much work verification takes on before it refuses a program.

    ``points``: instructions of the unrolled program. ``iterations``: of one loop. ``states``: kept apart at one
    point. ``seconds`` of CPU time in all for a program of up to 1,000 instructions, ``most_seconds`` for one of
    10,000 or more. Instructions of unrolled loops count; so what takes too long is what keeps too many states apart.
    """

    points: int = 100_000
    iterations: int = 8192
    states: int = 4096
    seconds: float = 2.0
    most_seconds: float = 60.0

    def budget(self, instructions: int) -> float:
        """Seconds of CPU time for so many instructions."""
        share = (min(max(instructions, SHORT), LONG) - SHORT) / (LONG - SHORT)
        return self.seconds + share * (self.most_seconds - self.seconds)


class Deadline:
    """The end of the CPU time that a program of so many instructions may take, counted from now on. ``is_growing``: as
    it is unrolled, it becomes a program of more."""

    _PAUSE = 0.01

    def __init__(self, limits: Limits, instructions: int, *, is_growing: bool) -> None:
        self._limits, self._instructions, self._is_growing = limits, instructions, is_growing
        self._start = time.process_time()
        self._next_look = 0.0

    def seconds(self, points: int) -> float:
        """How many seconds there are once ``points`` unrolled instructions were reached, by whatever attempt."""
        if self._is_growing:
            self._instructions = max(self._instructions, points)
        return self._limits.budget(self._instructions)

    def has_passed(self, points: int) -> bool:
        """Cheap: the CPU time, a system call, is looked at every hundredth of a second only."""
        now = time.perf_counter()
        if now < self._next_look:
            return False
        self._next_look = now + self._PAUSE
        return time.process_time() - self._start > self.seconds(points)


class Rejection(Exception):
    """An exploration failed with ``error``; keeping more states apart may help unless ``final``. ``limit``: it only
    became too much."""

    def __init__(self, error: HardpathError, final: bool, limit: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.final = final
        self.limit = limit
