"""The time that programs see."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

FRACTION = 32
"""Bits behind the point of the nanoseconds a cycle: of a day at 800 MHz, less than 10 microseconds are lost or won."""


class Nanoseconds(wiring.Component):
    """``now`` Out(64): nanoseconds since reset, by a clock of ``clock_hz``."""

    def __init__(self, clock_hz: float) -> None:
        self._step = round(1e9 * (1 << FRACTION) / clock_hz)
        super().__init__({"now": Out(64)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count = Signal(64 + FRACTION)
        m.d.sync += count.eq(count + self._step)
        m.d.comb += self.now.eq(count[FRACTION:])
        return m
