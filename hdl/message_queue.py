"""Messages between beats of any width and words."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .mac.beats import beat_layout, line_layout
from .message_server import WORD
from .messages import WORDS
from .payload_fifo import PayloadFifo


class MessageQueue(wiring.Component):
    """``beat`` In (`mac.beats.beat_layout`) in cycles with ``valid``, never held back; ``output``: whole messages,
    stream of WORD. A message that ends with ``error`` or finds no room is forgotten. ``width``: bytes, 4 times a power
    of two."""

    def __init__(self, width: int) -> None:
        self._width = width
        super().__init__({
            "beat": In(beat_layout(width)),
            "valid": In(1),
            "output": Out(stream.Signature(WORD)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        words = self._width // 4
        beat = self.beat
        item = data.StructLayout({"data": 8 * self._width, "final": max(1, (words - 1).bit_length()), "last": 1})
        given, kept = Signal(item), Signal(item)
        m.submodules.fifo = fifo = PayloadFifo(item.size, 2 * WORDS // words)
        torn, lost = Signal(), Signal()
        m.d.comb += [
            given.data.eq(beat.data),
            given.final.eq(beat.extra >> 2),
            given.last.eq(beat.last),
            lost.eq(torn | fifo.full),
            fifo.write.eq(self.valid & ~fifo.full),
            fifo.write_data.eq(given),
            fifo.commit.eq(self.valid & beat.last),
            fifo.rollback.eq(fifo.commit & (lost | beat.error)),
        ]
        with m.If(self.valid):
            m.d.sync += torn.eq(lost & ~beat.last)

        index = Signal(range(max(2, words)))
        final = index == kept.final
        m.d.comb += [
            kept.eq(fifo.output.payload),
            self.output.payload.data.eq(kept.data.word_select(index, 32)),
            self.output.payload.last.eq(kept.last & final),
            self.output.valid.eq(fifo.output.valid),
            fifo.output.ready.eq(self.output.ready & final),
        ]
        with m.If(self.output.valid & self.output.ready):
            m.d.sync += index.eq(Mux(final, 0, index + 1))
        return m


class BeatsOfWords(wiring.Component):
    """``input``: stream of WORD; ``output``: stream of `mac.beats.line_layout`."""

    def __init__(self, width: int, side: int = 0) -> None:
        self._width = width
        super().__init__({
            "input": In(stream.Signature(WORD)),
            "output": Out(stream.Signature(line_layout(width, side))),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        words, word, out = self._width // 4, self.input.payload, self.output.payload
        index = Signal(range(words))
        m.d.comb += self.input.ready.eq(~self.output.valid | self.output.ready)
        with m.If(self.output.ready):
            m.d.sync += self.output.valid.eq(0)
        with m.If(self.input.valid & self.input.ready):
            m.d.sync += [
                out.data.word_select(index, 32).eq(word.data),
                out.last.eq(word.last),
                index.eq(Mux(word.last, 0, index + 1)),
                self.output.valid.eq(word.last | (index == words - 1)),
                out.keep.eq(Cat((index >= i // 4) for i in range(self._width))),
            ]
        return m
