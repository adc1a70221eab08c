"""Which speed a PHY runs at, from the clock that it sends."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from .crossing import EventCrossing

SPEED = data.StructLayout({"mbit_10": 1, "mbit_100": 1, "mbit_1000": 1})
"""One of these is high; none while the PHY sends no clock."""

WINDOW = 1024
"""Cycles of 125 MHz in which clock edges are counted: 8 us. At 10 Mb/s there are 20 of 2.5 MHz in it."""
_DIVISOR = 4


class SpeedMeter(wiring.Component):
    """``speed`` Out(SPEED) in domain ``tx``, which is the 125 MHz of the board, told anew every `WINDOW` cycles: the
    clock of ``rx`` has 125, 25 or 2.5 MHz. Needs neither MDIO nor in-band status. 1000 Mb/s until it is known."""

    def __init__(self) -> None:
        super().__init__({"speed": Out(SPEED, init={"mbit_1000": 1})})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.edges = edges = EventCrossing("rx", "tx", 2)
        prescaler = Signal(range(_DIVISOR), reset_less=True)
        m.d.rx += prescaler.eq(prescaler + 1)
        m.d.comb += edges.event.eq(prescaler == 0)

        cycle = Signal(range(WINDOW))
        count = Signal(range(2 * WINDOW // _DIVISOR))
        m.d.tx += [cycle.eq(cycle + 1), count.eq(count + edges.amount)]
        with m.If(cycle == WINDOW - 1):
            # Between 204 and 1024 edges, and between 20 and 204, there is room for every tolerance.
            fast, middle = count >= WINDOW // _DIVISOR // 2, count >= WINDOW // _DIVISOR // 16
            m.d.tx += [
                count.eq(0),
                self.speed.mbit_1000.eq(fast),
                self.speed.mbit_100.eq(~fast & middle),
                self.speed.mbit_10.eq(~middle & (count != 0)),
            ]
        return m
