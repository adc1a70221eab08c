"""Carries out the requests of messages on control buses, and replies."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from .messages import HEAD_WORDS, KIND, MALFORMED, MORE, PATIENCE_S, REPLY, REQUEST, RUN, WORDS, kind_word

WORD = data.StructLayout({"data": 32, "last": 1})
"""A word of a message."""

BusMaster = wiring.Signature({
    "address": Out(16),
    "unit": Out(7),
    "write": Out(1),
    "wdata": Out(32),
    "valid": Out(1),
    "rdata": In(32),
    "ready": In(1),
    "hold": Out(1),
    "place": Out(range(WORDS)),
    "fetch": Out(range(WORDS)),
    "fetches": Out(1),
    "there": In(1),
    "kept": In(32),
})
"""Who asks on buses: as `hdl.register_bus.BUS`, ``unit`` says which one. ``hold``: let nobody else come in between.

What is read is kept at ``place``, to be fetched later: in the cycle after ``fetch`` with ``fetches``, ``kept`` is what
is at that place if ``there`` is high. If not, others had their turn."""

ADDRESS_WORDS = 3


class MessageServer(wiring.Component):
    """``input``: whole requests (stream of WORD); ``output``: a reply to each that is one (stream of WORD); ``bus``.

    A request with the number of the one before is not carried out again, its reply is: so who got none asks once more.
    ``address``: six bytes if messages are Ethernet frames from their first byte on; replies go to who asked, from
    there. ``clock_hz`` for `PATIENCE_S`.
    """

    def __init__(self, clock_hz: float, address: bytes | None = None) -> None:
        self._patience = round(clock_hz * PATIENCE_S)
        self._address = address
        super().__init__({
            "input": In(stream.Signature(WORD)),
            "output": Out(stream.Signature(WORD)),
            "bus": Out(BusMaster),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        word, bus = self.input.payload.data, self.bus
        kind, run = data.View(KIND, word), data.View(RUN, word)
        position = Signal(range(ADDRESS_WORDS + HEAD_WORDS + WORDS))
        ended = Signal()  # the last word is taken
        known, before, number = Signal(), Signal(32), Signal(32)
        flags, malformed = Signal(8), Signal()
        runs, steps, words = Signal(32), Signal(9), Signal(range(WORDS + 1))
        peer = Signal(48)
        taken = self.input.valid & self.input.ready
        with m.If(taken):
            m.d.sync += ended.eq(self.input.payload.last)
        m.d.comb += [bus.place.eq(words), bus.wdata.eq(word)]

        executing, patience = Signal(), Signal(range(self._patience + 1))
        m.d.comb += bus.hold.eq(executing | (patience != 0))
        with m.If(patience != 0):
            m.d.sync += patience.eq(patience - 1)

        with m.If(self.output.ready):
            m.d.sync += self.output.valid.eq(0)
        begin = "kind" if self._address is None else "address"
        with m.FSM(init=begin):
            if self._address is not None:
                with m.State("address"):
                    m.d.comb += self.input.ready.eq(1)
                    with m.If(taken):
                        m.d.sync += [peer.eq(Cat(peer[32:], word)), position.eq(position + 1)]
                        with m.If(self.input.payload.last):
                            m.d.sync += position.eq(0)
                        with m.Elif(position == ADDRESS_WORDS - 1):
                            m.d.sync += position.eq(0)
                            m.next = "kind"
            with m.State("kind"):
                m.d.comb += self.input.ready.eq(1)
                with m.If(taken):
                    m.d.sync += flags.eq(kind.flags)
                    with m.If(self.input.payload.last):
                        m.next = begin
                    with m.Elif(word[:24] == kind_word(REQUEST)):
                        m.next = "number"
                    with m.Else():
                        m.next = "skip"
            with m.State("skip"):
                m.d.comb += self.input.ready.eq(1)
                with m.If(taken & self.input.payload.last):
                    m.next = begin
            with m.State("number"):
                m.d.comb += self.input.ready.eq(1)
                m.d.sync += number.eq(word)
                with m.If(taken):
                    m.next = "runs"
                    with m.If(self.input.payload.last):
                        m.next = begin
            with m.State("runs"):
                m.d.comb += self.input.ready.eq(1)
                m.d.sync += runs.eq(word)
                with m.If(taken):
                    with m.If(known & (number == before)):
                        m.next = "rest"
                    with m.Else():
                        m.d.sync += [words.eq(0), malformed.eq(0), known.eq(1), before.eq(number), executing.eq(1)]
                        m.next = "run"
            with m.State("run"):
                with m.If(runs == 0):
                    m.next = "rest"
                with m.Elif(ended):
                    m.d.sync += malformed.eq(1)
                    m.next = "rest"
                with m.Else():
                    m.d.comb += self.input.ready.eq(1)
                    m.d.sync += [
                        bus.address.eq(run.address),
                        bus.unit.eq(run.unit),
                        bus.write.eq(run.write),
                        steps.eq(run.more + 1),
                    ]
                    with m.If(taken):
                        m.d.sync += runs.eq(runs - 1)
                        m.next = "step"
            with m.State("step"):
                with m.If(steps == 0):
                    m.next = "run"
                with m.Elif(Mux(bus.write, ended, words == WORDS - HEAD_WORDS)):
                    m.d.sync += malformed.eq(1)
                    m.next = "rest"
                with m.Else():
                    m.d.comb += bus.valid.eq(self.input.valid | ~bus.write)
                    with m.If(bus.valid & bus.ready):
                        m.d.comb += self.input.ready.eq(bus.write)
                        m.d.sync += [
                            bus.address.eq(bus.address + 1),
                            steps.eq(steps - 1),
                            words.eq(words + ~bus.write),
                        ]
            with m.State("rest"):  # padding
                m.d.sync += executing.eq(0)
                with m.If(ended):
                    m.d.sync += patience.eq(Mux(flags & MORE, self._patience, 0))
                    m.next = "reply"
                with m.Else():
                    m.d.comb += self.input.ready.eq(1)
            with m.State("reply"):
                kind_of = Cat(Const(kind_word(0), 16), Mux(malformed, Const(MALFORMED, 8), Const(REPLY, 8)), flags)
                head = [*self._addresses(peer), kind_of, number, words]
                with m.If(self._reply(m, head, position, words)):
                    m.d.sync += [position.eq(0), ended.eq(0)]
                    m.next = begin
        return m

    def _addresses(self, peer: Value) -> list[Value]:
        if self._address is None:
            return []
        both = Cat(peer, Const(int.from_bytes(self._address, "little"), 48))
        return [both[:32], both[32:64], both[64:]]

    def _reply(self, m: Module, head: list[Value], position: Signal, words: Value) -> Value:
        """Word ``position`` goes out if it is there and there is room. Returns whether it is the last one that does."""
        bus, output = self.bus, self.output
        room, goes, word, last = Signal(), Signal(), Signal(32), Signal()
        following = Signal.like(position)
        m.d.comb += [
            room.eq(~output.valid | output.ready),
            goes.eq(room & (bus.there | (position < len(head)))),
            following.eq(position + goes),
            bus.fetch.eq(following - len(head)),
            bus.fetches.eq(room),
            word.eq(bus.kept),
            last.eq(position == words + (len(head) - 1)),
        ]
        with m.Switch(position):
            for i, value in enumerate(head):
                with m.Case(i):
                    m.d.comb += word.eq(value)
        m.d.sync += position.eq(following)
        with m.If(goes):
            m.d.sync += [output.payload.data.eq(word), output.payload.last.eq(last), output.valid.eq(1)]
        return goes & last
