"""A port that management frames are for: they never reach the program, and are answered from here."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from .mac.beats import extra_of, line_layout
from .message_queue import BeatsOfWords, MessageQueue
from .message_server import BusMaster, MessageServer
from .messages import ETHERTYPE

_HEADER = 14


class ManagementPort(wiring.Component):
    """``input``: frames from the port, ``output``: those that are not for the device, ``reply``: frames to the port
    (streams of `mac.beats.line_layout`); ``bus``.

    For the device is what goes to ``address`` (six bytes) with `ETHERTYPE`; if it has no room for a frame, that one is
    forgotten, so none behind it waits. What is for it goes in by words, a cycle each, so that a block memory is wide
    enough: a port of 1 Gb/s brings one in 32 ns. Others come a beat later than without.
    """

    def __init__(self, width: int, clock_hz: float, address: bytes, side: int = 0) -> None:
        self._width = width
        self._side = side
        self._clock_hz = clock_hz
        self._address = address
        frames = stream.Signature(line_layout(width, side))
        super().__init__({"input": In(frames), "output": Out(frames), "reply": Out(frames), "bus": Out(BusMaster)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.queue = queue = MessageQueue()
        m.submodules.server = server = MessageServer(self._clock_hz, self._address)
        m.submodules.beats = beats = BeatsOfWords(self._width, self._side)
        connect(m, queue.output, server.input)
        connect(m, server.output, beats.input)
        connect(m, beats.output, flipped(self.reply))
        connect(m, server.bus, flipped(self.bus))

        # A beat is held until it is known whose frame it begins: for that the first 14 bytes are needed.
        held, full, first, ours = Signal(line_layout(self._width, self._side)), Signal(), Signal(init=1), Signal()
        known, managed, leaves = Signal(), Signal(), Signal()
        index = Signal(range(self._width // 4))  # of the word of the held beat
        final = index == extra_of(held.keep) >> 2
        to_us = Signal()  # so begins the held beat
        given = self.input.payload
        type_ = int.from_bytes(ETHERTYPE.to_bytes(2, "big"), "little")
        at = 8 * (_HEADER - 2) % (8 * self._width)
        of_type = given.data[at : at + 16] == type_
        begins = given.data[:48] == int.from_bytes(self._address, "little")
        if self._width >= _HEADER:
            begins &= of_type
            m.d.comb += [known.eq(1), managed.eq(Mux(first, to_us, ours))]
        else:
            m.d.comb += [
                known.eq(~first | held.last | self.input.valid),
                managed.eq(Mux(first, to_us & of_type & ~held.last, ours)),
            ]
        m.d.comb += [
            self.output.payload.eq(held),
            self.output.valid.eq(full & known & ~managed),
            leaves.eq(full & known & Mux(managed, final, self.output.ready)),
            self.input.ready.eq(~full | leaves),
            queue.valid.eq(full & known & managed),
            queue.word.data.eq(held.data.word_select(index, 32)),
            queue.word.last.eq(held.last & final),
            queue.error.eq(held.error),
        ]
        with m.If(queue.valid):
            m.d.sync += index.eq(Mux(final, 0, index + 1))
        with m.If(leaves):
            m.d.sync += [full.eq(0), first.eq(held.last), ours.eq(managed)]
        with m.If(self.input.valid & self.input.ready):
            m.d.sync += [held.eq(given), full.eq(1), to_us.eq(begins)]
        return m
