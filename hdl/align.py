"""A byte shifter for beats whose frame does not begin where a word begins."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .stream import register_behind


def pair_layout(width: int, side: data.Layout) -> data.StructLayout:
    """Two words of ``width`` bytes in a row, the byte of the first one where the output begins, and what goes
    along."""
    return data.StructLayout({"pair": 16 * width, "shift": width.bit_length() - 1, "side": side})


def shift_right(m: Module, value: Value, steps: Value, unit: int) -> Value:
    """``value`` shifted right by ``steps * unit`` bits, one 2:1 multiplexer for each bit of ``steps``."""
    for i, step in enumerate(steps):
        shifted = Signal(len(value), name=f"shifted_{unit << i}")
        m.d.comb += shifted.eq(Mux(step, value >> (unit << i), value))
        value = shifted
    return value


class Align(wiring.Component):
    """Bytes ``shift`` .. ``shift + width - 1`` of each pair. Two cycles of latency, one beat a cycle.

    The shift by large steps comes before the second register, the shift by small steps behind it.
    """

    def __init__(self, width: int, side: data.Layout) -> None:
        self.width = width
        self._side = side
        super().__init__({
            "input": In(stream.Signature(pair_layout(width, side))),
            "output": Out(stream.Signature(data.StructLayout({"data": 8 * width, "side": side}))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        fine_bits = (self.width.bit_length() - 1) // 2
        reach = self.width + (1 << fine_bits) - 1  # bytes that the small steps can select from

        first = Signal(pair_layout(self.width, self._side), reset_less=True)
        pair = Signal(8 * reach, reset_less=True)
        fine = Signal(fine_bits, reset_less=True)
        side = register_behind(m, self.output.payload.side)
        first_valid = Signal()
        first_ready = Signal()
        m.d.comb += [
            first_ready.eq(~self.output.valid | self.output.ready),
            self.input.ready.eq(~first_valid | first_ready),
            self.output.payload.data.eq(shift_right(m, pair, fine, 8)),
        ]
        with m.If(self.input.ready):
            m.d.sync += [first.eq(self.input.payload), first_valid.eq(self.input.valid)]
        with m.If(first_ready):
            m.d.sync += [
                pair.eq(shift_right(m, first.pair, first.shift[fine_bits:], 8 << fine_bits)),
                fine.eq(first.shift),
                side.eq(first.side),
                self.output.valid.eq(first_valid),
            ]
        return m
