"""Beats of several bytes as they lie in the FIFOs of a port."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from ..stream import thermometer
from .symbols import OCTET, octet_layout


def beat_layout(width: int, side: int = 0) -> data.StructLayout:
    """``width`` bytes, a power of two from 2 on. ``extra``: how many beyond the first are there; all but in the last
    beat. ``error``: valid with ``last``, kills the frame. ``side`` bits go with every beat of a frame. 8 bytes make 69
    bits without these, which two block memories of 36 hold, and 105 with `stamps.STAMP`, which three do."""
    return data.StructLayout({
        "data": 8 * width, "extra": (width - 1).bit_length(), "last": 1, "error": 1, "side": side
    })


def keep_of(extra: Value, width: int) -> Value:
    """``keep`` of AXI4-Stream: the bytes that are there."""
    return thermometer(extra + 1, width)


def extra_of(keep: Value) -> Value:
    """What `keep_of` was made from."""
    extra = Value.cast(0)
    for i in range(1, len(keep)):
        extra = Mux(keep[i], i, extra)
    return extra


class Gather(wiring.Component):
    """Bytes to beats, in domain ``sync``: ``input`` In(OCTET) in cycles with ``valid``. ``beat`` Out in cycles with
    ``full``, the one behind its last byte. There is no way to hold either back."""

    def __init__(self, width: int) -> None:
        self._width = width
        super().__init__({
            "input": In(OCTET),
            "valid": In(1),
            "beat": Out(beat_layout(width)),
            "full": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width, beat = self._width, self.beat
        position = Signal(range(width))
        with m.If(self.valid):
            m.d.sync += [
                beat.data.word_select(position, 8).eq(self.input.data),
                beat.extra.eq(position),
                beat.last.eq(self.input.last),
                beat.error.eq(self.input.error),
                position.eq(Mux(self.input.last, 0, position + 1)),
            ]
        m.d.sync += self.full.eq(self.valid & (self.input.last | (position == width - 1)))
        return m


class Scatter(wiring.Component):
    """Beats to bytes, in domain ``sync``: ``input``, a stream of `beat_layout`; ``output``, a stream of
    `symbols.octet_layout`, one a cycle. A beat is taken with its last byte."""

    def __init__(self, width: int, side: int = 0) -> None:
        self._width = width
        super().__init__({
            "input": In(stream.Signature(beat_layout(width, side))),
            "output": Out(stream.Signature(octet_layout(side))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        beat, octet = self.input.payload, self.output.payload
        position = Signal(range(self._width))
        final = position == beat.extra
        m.d.comb += [
            octet.data.eq(beat.data.word_select(position, 8)),
            octet.last.eq(final & beat.last),
            octet.error.eq(beat.error),
            octet.side.eq(beat.side),
            self.output.valid.eq(self.input.valid),
            self.input.ready.eq(self.output.ready & final),
        ]
        with m.If(self.output.valid & self.output.ready):
            m.d.sync += position.eq(Mux(final, 0, position + 1))
        return m


def line_layout(width: int, side: int = 0) -> data.StructLayout:
    """The same for the world outside, with the names of AXI4-Stream: ``keep`` instead of ``extra``, its ones from the
    bottom."""
    return data.StructLayout({"data": 8 * width, "keep": width, "last": 1, "error": 1, "side": side})
