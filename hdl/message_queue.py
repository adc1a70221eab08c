"""Messages that wait until they are in, and how their words become beats."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from .mac.beats import line_layout
from .message_server import WORD
from .messages import WORDS
from .payload_fifo import PayloadFifo


class MessageQueue(wiring.Component):
    """``word`` In(WORD) in cycles with ``valid``, never held back; ``error`` In, with the last word of a message:
    forget it. ``output``: whole messages, stream of WORD. One that finds no room is forgotten, too."""

    def __init__(self) -> None:
        super().__init__({
            "word": In(WORD),
            "error": In(1),
            "valid": In(1),
            "output": Out(stream.Signature(WORD)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.fifo = fifo = PayloadFifo(WORD.size, 2 * WORDS)
        torn, lost = Signal(), Signal()
        m.d.comb += [
            lost.eq(torn | fifo.full),
            fifo.write.eq(self.valid & ~fifo.full),
            fifo.write_data.eq(self.word),
            fifo.commit.eq(self.valid & self.word.last),
            fifo.rollback.eq(fifo.commit & (lost | self.error)),
            self.output.payload.eq(fifo.output.payload),
            self.output.valid.eq(fifo.output.valid),
            fifo.output.ready.eq(self.output.ready),
        ]
        with m.If(self.valid):
            m.d.sync += torn.eq(lost & ~self.word.last)
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
