"""What the helpers that tell the time have in common: here time is when the frame's first beat arrived."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from .base import HelperPlugin, Machine


class Clock(HelperPlugin):
    """A helper whose result is the time and nothing else, the same for every call of one run.

    `sim.linux` has it answer so in Linux too.
    """

    args = ()

    @abstractmethod
    def at(self, time_ns: int) -> int:
        """What it returns (unsigned 64-bit) to a program whose frame arrived at that time."""

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        return self.at(machine.time_ns)
