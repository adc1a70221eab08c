"""The windows of outcomes that wait for egress: word by word in a block memory, where frames leave the time for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.wiring import In, Out

from .payload_fifo import PayloadFifo
from .stream import outcome_layout
from .verdicts import BROADCAST, XDP_PASS

OVERHEAD = 3
"""Cycles from an outcome to the next one at most, beside one for each beat of its frame: for the word more that a frame
has which does not begin with one, and for the register that the pipeline hands outcomes over in."""

LATENCY = 5
"""Cycles from an outcome to its first word, at most."""


@dataclass(frozen=True)
class WindowWords:
    """The ``headroom`` + ``window`` bytes of an outcome as words of ``width`` bytes, padded in front so that the
    payload follows at a word's boundary. ``start``: where all outgoing frames begin in them, None if the program
    decides; when it is given, the field ``start`` of outcomes is not looked at."""

    width: int
    window: int
    headroom: int
    start: int | None = None

    @property
    def pad(self) -> int:
        """Bytes of padding."""
        return -(self.headroom + self.window) % self.width

    @cached_property
    def count(self) -> int:
        """How many words."""
        return (self.pad + self.headroom + self.window) // self.width

    @property
    def aligned(self) -> bool:
        """Whether all frames begin with a word, and not behind that which follows the window."""
        if self.start is None:
            return False
        return (self.pad + self.start) % self.width == 0 and self.start <= self.headroom + self.window

    def begin(self, start: Value) -> tuple[Value, Value]:
        """The number of the word in which a frame begins, which may be one of the payload's, and the first of its bytes
        there; ``start``: the outcome's."""
        position = ((start if self.start is None else Const(self.start, 16)) + self.pad)[:17]
        bits = self.width.bit_length() - 1
        return position[bits:], position[:bits]

    def select(self, m: Module, window: Value, index: Value, otherwise: Value) -> Signal:
        """Word number ``index`` if it is one of the window's."""
        padded = Cat(Const(0, 8 * self.pad), window)
        word = Signal(8 * self.width)
        m.d.comb += word.eq(otherwise)
        with m.Switch(index):
            for i in range(self.count):
                with m.Case(i):
                    m.d.comb += word.eq(padded.word_select(i, 8 * self.width))
        return word


class WindowQueue(wiring.Component):
    """Up to ``depth`` outcomes, or as many as have so many windows' words. A queue of whole windows is as wide as they
    are, and LUT RAM; this one takes a cycle for each word that the frame has in the window.

    ``input`` (`outcome_layout`) stays until its last word is taken; ``output``: the same without the window, ``words``:
    those of the window from the one in which the frame begins to the one in which it ends; none of frames that are
    not sent.
    """

    def __init__(self, words: WindowWords, depth: int) -> None:
        self._words = words
        self._depth = depth
        super().__init__({
            "input": In(stream.Signature(outcome_layout(words.window, words.headroom))),
            "output": Out(stream.Signature(outcome_layout(0, 0))),
            "words": Out(stream.Signature(8 * words.width)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        count, outcome = self._words.count, self.input.payload
        rest = Cat(outcome[name] for name in ("verdict", "redirect", "start", "length", "limit"))
        m.submodules.rest = waiting = SyncFIFO(width=len(rest), depth=self._depth)
        m.submodules.memory = memory = PayloadFifo(8 * self._words.width, self._depth * count)
        wiring.connect(m, memory.output, wiring.flipped(self.words))

        begin, shift = self._words.begin(outcome.start)
        bits = self._words.width.bit_length() - 1
        entering = Signal(init=1)
        index = Signal(range(count + 1))
        next_index = Signal(range(count + 1))
        behind = Signal(16)  # words of the frame behind this one, of the window or not
        next_behind = Signal(16)
        sent = Signal()
        last = Signal()
        step = Signal()
        m.d.comb += [
            sent.eq((outcome.verdict >= XDP_PASS) & (outcome.verdict <= BROADCAST)),
            index.eq(Mux(entering, Mux(begin < count, begin, count), next_index)),
            behind.eq(Mux(entering, (shift + outcome.length - 1) >> bits, next_behind)),
            last.eq(~sent | (index >= count - 1) | (behind == 0)),
            self.input.ready.eq(step & last),
        ]
        with m.If(step):
            m.d.sync += [entering.eq(last), next_index.eq(index + 1), next_behind.eq(behind - 1)]

        # The multiplexer of words and the memory have a cycle each.
        word = Signal(8 * self._words.width, reset_less=True)
        word_valid = Signal()
        with m.If(~memory.full):
            m.d.sync += word_valid.eq(0)
        with m.If(step):
            m.d.sync += [
                word.eq(self._words.select(m, outcome.window, index, Const(0))),
                word_valid.eq(sent & (index < count)),
            ]
        m.d.comb += [
            step.eq(self.input.valid & (~word_valid | ~memory.full) & (~entering | waiting.w_rdy)),
            memory.write.eq(word_valid & ~memory.full),
            memory.commit.eq(word_valid & ~memory.full),
            memory.write_data.eq(word),
            waiting.w_data.eq(rest),
            waiting.w_en.eq(step & entering),
            self.output.payload.eq(waiting.r_data),
            self.output.valid.eq(waiting.r_rdy),
            waiting.r_en.eq(self.output.ready),
        ]
        return m
