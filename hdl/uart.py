"""Bytes on a serial line: 8 data bits, no parity, 1 stop bit."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from .errors import InputError

MIN_CYCLES_A_BIT = 8


def cycles_a_bit(clock_hz: float, baud: int) -> int:
    """Of the clock, rounded. Raises `InputError` if the line would be too fast for it."""
    cycles = round(clock_hz / baud)
    if cycles < MIN_CYCLES_A_BIT:
        raise InputError(
            f"{baud} baud are too many for a clock of {clock_hz / 1e6:g} MHz: "
            f"choose at most {int(clock_hz / MIN_CYCLES_A_BIT)}"
        )
    return cycles


class UartReceiver(wiring.Component):
    """``line`` In(1), of any clock; ``data`` Out(8) in the cycle with ``valid``. Bytes without a stop bit are lost; the
    line may be some 4 % too fast or too slow."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"line": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        line = Signal(init=1)
        m.submodules.synchronizer = FFSynchronizer(self.line, line, init=1)
        count, bits, before = Signal(range(2 * self._cycles)), Signal(range(10)), Signal()
        m.d.sync += before.eq(line)
        with m.If(bits == 0), m.If(before & ~line):
            m.d.sync += [bits.eq(9), count.eq(self._cycles + self._cycles // 2 - 1)]
        with m.Elif(count != 0):
            m.d.sync += count.eq(count - 1)
        with m.Else():
            m.d.sync += [count.eq(self._cycles - 1), bits.eq(bits - 1)]
            with m.If(bits == 1):
                m.d.comb += self.valid.eq(line)
            with m.Else():
                m.d.sync += self.data.eq(Cat(self.data[1:], line))
        return m


class UartTransmitter(wiring.Component):
    """``input``: stream of bytes; ``line`` Out(1)."""

    def __init__(self, cycles: int) -> None:
        self._cycles = cycles
        super().__init__({"input": In(stream.Signature(8)), "line": Out(1, init=1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count, bits, shift = Signal(range(self._cycles)), Signal(range(11)), Signal(10, init=0x3FF)
        m.d.comb += [self.line.eq(shift[0]), self.input.ready.eq(bits == 0)]
        with m.If(bits == 0), m.If(self.input.valid):
            m.d.sync += [
                shift.eq(Cat(Const(0, 1), self.input.payload, Const(1, 1))), bits.eq(10), count.eq(self._cycles - 1)
            ]
        with m.Elif(count != 0):
            m.d.sync += count.eq(count - 1)
        with m.Else():
            m.d.sync += [shift.eq(Cat(shift[1:], Const(1, 1))), bits.eq(bits - 1), count.eq(self._cycles - 1)]
        return m
