"""From a program's outcome to sent beats: the written window from its new start, then the payload."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .align import Align
from .stream import SOURCE_BITS, Skid, mask_bytes, outcome_layout, receipt_layout, thermometer
from .verdicts import BROADCAST, XDP_ABORTED, XDP_PASS
from .window_queue import WindowWords


def side_layout(width: int) -> data.StructLayout:
    """What goes with a beat of ``width`` bytes on its way out.

    A frame that is not sent is one beat without ``send``. ``length`` (bytes), ``verdict``, ``redirect``,
    ``stamp`` and ``source`` (the receipt's) come with every beat.
    """
    return data.StructLayout({
        "keep": width,
        "first": 1,
        "last": 1,
        "send": 1,
        "verdict": 3,
        "redirect": 32,
        "length": 16,
        "stamp": 32,
        "source": SOURCE_BITS,
    })


def departure_layout(width: int) -> data.StructLayout:
    """One beat on its way out."""
    return data.StructLayout({"data": 8 * width, "side": side_layout(width)})


class Egress(wiring.Component):
    """Sends PASS, TX and REDIRECT frames, forgets the others.

    ``width`` W, ``window`` H, ``headroom`` G: bytes. ``payload_beats``: most beats of one frame in the
    payload FIFO; ``payload_depth``: of all. ``start``: as in `WindowWords`. A beat shifter exists only where it is
    needed. ``tail_fixed``: the program never moves the frame's end; ``limit`` is not looked at.

    ``outcome`` (`outcome_layout`) and ``receipt`` (`receipt_layout`) have one item a frame, ``payload`` its
    beats. ``output`` (`departure_layout`) comes from registers. Verdicts above BROADCAST count as
    XDP_ABORTED. Data outside ``keep`` is undefined. ``queued``: outcomes come without windows, whose words come one
    by one, as `WindowQueue` sends them, at ``words``.

    One output beat a cycle; where windows are queued, frames that do not begin with a word take one more. Payload that
    is not sent leaves the FIFO in the background, one beat a cycle, while the next frame's window is sent already.
    """

    def __init__(
        self,
        width: int,
        window: int,
        headroom: int,
        payload_beats: int,
        payload_depth: int,
        start: int | None = None,
        tail_fixed: bool = False,
        queued: bool = False,
    ) -> None:
        self.width = width
        self.payload_beats = payload_beats
        self.payload_depth = payload_depth
        self.start = start
        self.tail_fixed = tail_fixed
        self.queued = queued
        # Output bytes come from words of W bytes: first the window's, then the payload's.
        self.window_words = WindowWords(width, window, headroom, start)
        super().__init__({
            "outcome": In(stream.Signature(outcome_layout(*((0, 0) if queued else (window, headroom))))),
            "receipt": In(stream.Signature(receipt_layout(payload_beats))),
            "payload": In(stream.Signature(8 * width)),
            "output": Out(stream.Signature(departure_layout(width))),
            **({"words": In(stream.Signature(8 * width))} if queued else {}),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        width, outcome, receipt = self.width, self.outcome.payload, self.receipt.payload
        m.submodules.skid = skid = Skid(departure_layout(width))
        wiring.connect(m, skid.output, wiring.flipped(self.output))

        verdict = Signal(3)
        send = Signal()
        m.d.comb += [
            verdict.eq(Mux(outcome.verdict > BROADCAST, XDP_ABORTED, outcome.verdict)),
            send.eq(verdict >= XDP_PASS),
        ]
        # The frame begins at byte ``shift`` of word ``begin``.
        words = self.window_words.count
        begin, shift = self.window_words.begin(outcome.start)
        shift_bits = width.bit_length() - 1

        # One step a cycle. ``front`` is the newest word that its output beat can need: the one in which it begins, or,
        # with a shifter, the one behind, which is held for the next step. A frame that begins in the payload, or in
        # words that come one by one, is preceded by steps that only fetch them.
        ahead = 0 if self.window_words.aligned else 1
        at_once = 0 if self.queued else ahead  # words of a window that need not be fetched
        entering = Signal(init=1)
        first = Signal(len(begin) + 1)  # the front of the frame's first beat
        front = Signal(len(first))
        next_front = Signal(len(first))
        remaining = Signal(16)
        next_remaining = Signal(16)
        stored = Signal(receipt.beats.shape())
        next_stored = Signal(receipt.beats.shape())
        fetches = Signal()
        last = Signal()
        m.d.comb += [
            first.eq(begin + ahead),
            front.eq(Mux(entering, Mux(begin < words, begin + at_once, words), next_front)),
            remaining.eq(Mux(entering, outcome.length, next_remaining)),
            stored.eq(Mux(entering, receipt.beats, next_stored)),
            fetches.eq(send & (front < first)),
            last.eq(~send | (~fetches & (remaining <= width))),
        ]
        wants = (fetches | (shift + remaining > width)) if ahead else Const(1)

        drain = Signal(range(self.payload_depth + 1))  # payload beats to forget first
        needs = Signal()
        needs_word = send & wants & (front < words)  # of those that come one by one
        possible = Signal()
        step = Signal()
        valid = Signal()
        ready = Signal()
        m.d.comb += [
            needs.eq(send & wants & (front >= words) & (stored != 0)),
            possible.eq(
                self.outcome.valid
                & self.receipt.valid
                & (~needs | (self.payload.valid & (drain == 0)))
                & (~needs_word | self.words.valid if self.queued else 1)
            ),
            valid.eq(possible & ~fetches),
            step.eq(possible & (ready | fetches)),
            self.payload.ready.eq((drain != 0) | (step & needs)),
            self.outcome.ready.eq(step & last),
            self.receipt.ready.eq(step & last),
        ]
        m.d.sync += drain.eq(
            drain - ((drain != 0) & self.payload.valid) + Mux(step & last, (stored - needs)[: len(stored)], 0)
        )
        with m.If(step):
            m.d.sync += [
                entering.eq(last),
                next_front.eq(front + 1),
                next_remaining.eq(Mux(fetches, remaining, remaining - width)),
                next_stored.eq(stored - needs),
            ]

        side = Signal(side_layout(width))
        m.d.comb += [
            side.keep.eq(Mux(last, thermometer(remaining[: shift_bits + 1], width), (1 << width) - 1)),
            side.first.eq(front == first),
            side.last.eq(last),
            side.send.eq(send),
            side.verdict.eq(verdict),
            side.redirect.eq(outcome.redirect),
            side.length.eq(Mux(send, outcome.length, 0)),
            side.stamp.eq(receipt.stamp),
            side.source.eq(receipt.source),
        ]
        received = Mux(stored != 0, self._limited(m, front), 0)
        if self.queued:
            newest = Mux(front < words, self.words.payload, received)
            m.d.comb += self.words.ready.eq(step & needs_word)
        else:
            newest = self.window_words.select(m, outcome.window, front, received)
        if ahead:
            m.submodules.align = align = Align(width, side_layout(width))
            wiring.connect(m, align.output, skid.input)
            held = Signal(8 * width, reset_less=True)
            with m.If(step):
                m.d.sync += held.eq(newest)
            before = (front - 1)[: len(front)]
            oldest = held if self.queued else self.window_words.select(m, outcome.window, before, held)
            sink = align.input
            m.d.comb += [sink.payload.pair.eq(Cat(oldest, newest)), sink.payload.shift.eq(shift)]
        else:
            sink = skid.input
            m.d.comb += sink.payload.data.eq(newest)
        m.d.comb += [sink.payload.side.eq(side), sink.valid.eq(valid), ready.eq(sink.ready)]
        return m

    def _limited(self, m: Module, word: Value) -> Value:
        """The next payload beat, which is word number ``word``, without the bytes at and behind ``limit``."""
        if self.tail_fixed:
            return self.payload.payload
        shift_bits = self.width.bit_length() - 1
        limit = (self.outcome.payload.limit + self.window_words.pad)[:17]
        keep = Signal(self.width)
        with m.If(word < limit[shift_bits:]):
            m.d.comb += keep.eq((1 << self.width) - 1)
        with m.Elif(word == limit[shift_bits:]):
            m.d.comb += keep.eq(thermometer(limit[:shift_bits], self.width))
        return mask_bytes(self.payload.payload, keep)
