"""GMII over the half as many lines of RGMII (version 2.0), at 10, 100 and 1000 Mb/s."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .ecp5_pins import ddr_input, ddr_output, delayed
from .speed import SPEED
from .symbols import SYMBOL

PERIODS = {"mbit_1000": 1, "mbit_100": 5, "mbit_10": 50}
"""Cycles of 125 MHz that a symbol lasts."""


class RgmiiReceiver(wiring.Component):
    """Lines ``rx_ctl`` In(1), ``rx_data`` In(4), sampled with the clock of domain ``rx``. ``symbol`` Out(SYMBOL) in
    that domain, a new one each cycle; in 10 and 100 Mb/s a nibble (in both halves of ``data``).

    ``delay_ps``: of all lines but the clock, for what the clock loses on its way through the FPGA.
    """

    def __init__(self, delay_ps: int) -> None:
        self._delay_ps = delay_ps
        super().__init__({"rx_ctl": In(1), "rx_data": In(4), "symbol": Out(SYMBOL)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        wires = [delayed(m, wire, self._delay_ps) for wire in (*self.rx_data, self.rx_ctl)]
        rising, falling = zip(*(ddr_input(m, wire, "rx") for wire in wires), strict=True)
        m.d.comb += [
            self.symbol.data.eq(Cat(*rising[:4], *falling[:4])),
            self.symbol.valid.eq(rising[4]),
            self.symbol.error.eq(rising[4] ^ falling[4]),
        ]
        return m


class RgmiiTransmitter(wiring.Component):
    """``symbol`` In(SYMBOL), in 10 and 100 Mb/s a nibble in both halves of ``data``, changes in domain ``tx`` (125 MHz)
    behind cycles with ``tick`` Out(1). Lines ``tx_clk``, ``tx_ctl`` Out(1), ``tx_data`` Out(4). ``speed`` In(SPEED).

    ``delay_ps``: of the clock line, so that its edges lie in the middle of the data; 0 if the PHY does that.
    """

    def __init__(self, delay_ps: int) -> None:
        self._delay_ps = delay_ps
        super().__init__({
            "symbol": In(SYMBOL),
            "speed": In(SPEED),
            "tick": Out(1, init=1),
            "tx_clk": Out(1),
            "tx_ctl": Out(1),
            "tx_data": Out(4),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        symbol, speed = self.symbol, self.speed
        phase = Signal(range(max(PERIODS.values())))
        last = Signal.like(phase)
        m.d.comb += last.eq(Mux(speed.mbit_10, PERIODS["mbit_10"] - 1, Mux(speed.mbit_100, PERIODS["mbit_100"] - 1, 0)))
        # From a register, as much waits for it.
        following = Signal.like(phase)
        m.d.comb += following.eq(Mux(self.tick, 0, phase + 1))
        m.d.tx += [phase.eq(following), self.tick.eq(following >= last)]

        # The clock is high in the first half of a symbol, told in half cycles.
        clock = Signal(2)
        m.d.tx += clock.eq(Cat(2 * phase <= last, 2 * phase + 1 <= last))
        line = Signal(SYMBOL)
        m.d.tx += line.eq(symbol)
        for i in range(4):
            m.d.comb += self.tx_data[i].eq(ddr_output(m, line.data[i], line.data[4 + i], "tx"))
        m.d.comb += [
            self.tx_ctl.eq(ddr_output(m, line.valid, line.valid ^ line.error, "tx")),
            self.tx_clk.eq(delayed(m, ddr_output(m, clock[0], clock[1], "tx"), self._delay_ps)),
        ]
        return m
