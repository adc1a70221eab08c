"""Nibbles at 10 and 100 Mb/s, bytes at 1000 Mb/s: behind these parts it makes no difference."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from .symbols import START, SYMBOL


class ByteReceiver(wiring.Component):
    """In domain ``sync``, the PHY's receive clock.

    ``symbol`` In(SYMBOL), a new one each cycle: with ``nibbles`` its low four bits. ``output`` Out(SYMBOL): whole
    bytes, in cycles with ``enable``. ``nibbles`` may change while no frame comes; otherwise that frame is lost.

    Where a byte begins is told by the start delimiter, 5 and D. Until it came, ``output`` shows each two neighbouring
    nibbles. Half a byte at the end of a frame is dropped, as IEEE 802.3 says (4.2.4.2.1).
    """

    def __init__(self) -> None:
        super().__init__({"symbol": In(SYMBOL), "nibbles": In(1), "output": Out(SYMBOL), "enable": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        symbol, output = self.symbol, self.output
        before = Signal(SYMBOL)
        aligned, second = Signal(), Signal()
        pair = Signal(8)
        m.d.comb += pair.eq(Cat(before.data[:4], symbol.data[:4]))
        m.d.sync += [before.eq(Mux(symbol.valid, symbol.as_value(), 0)), second.eq(~second)]
        with m.If(~symbol.valid):
            m.d.sync += aligned.eq(0)
        with m.Elif(~aligned & (pair == START)):
            m.d.sync += [aligned.eq(1), second.eq(0)]
        with m.If(self.nibbles):
            m.d.sync += [
                output.data.eq(pair),
                output.valid.eq(symbol.valid),
                output.error.eq(symbol.error | before.error),
                self.enable.eq(~aligned | second | ~symbol.valid),
            ]
        with m.Else():
            m.d.sync += [output.eq(symbol), self.enable.eq(1)]
        return m


class ByteTransmitter(wiring.Component):
    """In domain ``sync``, the clock of GMII.

    ``tick`` In(1): the last cycle of a symbol on the line; ``nibbles`` In(1): symbols are nibbles. ``enable`` Out(1):
    the last one of a byte; ``input`` In(SYMBOL) changes behind it. ``symbol`` Out(SYMBOL): what is on the line, a
    nibble in both halves of ``data``.
    """

    def __init__(self) -> None:
        super().__init__({
            "tick": In(1),
            "nibbles": In(1),
            "enable": Out(1),
            "input": In(SYMBOL),
            "symbol": Out(SYMBOL),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        second = Signal()
        nibble = Signal(4)
        with m.If(self.tick):
            m.d.sync += second.eq(self.nibbles & ~second)
        m.d.comb += [
            self.enable.eq(self.tick & (~self.nibbles | second)),
            nibble.eq(Mux(second, self.input.data[4:], self.input.data[:4])),
            self.symbol.eq(self.input),
        ]
        with m.If(self.nibbles):
            m.d.comb += self.symbol.data.eq(Cat(nibble, nibble))
        return m
