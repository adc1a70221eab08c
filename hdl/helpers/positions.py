"""Arithmetic on frame positions, as narrow as it can be, for the helpers that move the ends of a frame."""

from __future__ import annotations

from typing import Any

from .base import CallLowering
from .words import signed, unsigned


class Positions:
    """Positions as signed numbers of ``bits`` bits (one sign bit more than an offset or a position needs).

    A position of a frame fits 16 bits (xdp_limits), a distance that the program asks for 32.
    """

    def __init__(self, call: CallLowering) -> None:
        self._call = call
        distance = call.constant_argument(2)
        self._distance = None if distance is None else signed(distance, 32)
        small = self._distance is not None and -0x8000 <= self._distance < 0x8000
        self.bits = 18 if small else 34

    def offset(self) -> Any:
        """Argument 2, a signed 32-bit number."""
        if self._distance is not None:
            return self.const(self._distance)
        low = self._call.op("slice", 32, self._call.argument(2), attr=0)
        return self._call.op("sext", self.bits, low)

    def enter(self, position: Any) -> Any:
        """A 64-bit position as a narrow one."""
        return self._call.op("slice", self.bits, position, attr=0)

    def leave(self, narrow: Any) -> Any:
        """A narrow position as a 64-bit one."""
        return self._call.op("sext", 64, narrow)

    def const(self, value: int) -> Any:
        return self._call.const(value & ((1 << self.bits) - 1), self.bits)

    def add(self, x: Any, y: Any) -> Any:
        return self._call.op("add", self.bits, x, y)

    def sub(self, x: Any, y: Any) -> Any:
        return self._call.op("sub", self.bits, x, y)

    def below(self, x: Any, y: Any) -> Any:
        """x < y, one bit."""
        return self._call.op("slt", 1, x, y)

    def at_least(self, x: Any, y: Any) -> Any:
        """x >= y, one bit."""
        return self._call.op("not", 1, self.below(x, y))

    def both(self, x: Any, y: Any) -> Any:
        return self._call.op("and", 1, x, y)

    def choose(self, condition: Any, yes: Any, no: Any) -> Any:
        """One of two 64-bit nodes."""
        return self._call.op("mux", 64, condition, yes, no)

    def result(self, ok: Any, errno: int) -> Any:
        """The helper's 64-bit return value: 0 or -errno."""
        return self.choose(ok, self._call.const(0, 64), self._call.const(unsigned(-errno), 64))
