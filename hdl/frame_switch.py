"""Whole frames from several streams to several others, each to none, one or many of them."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class FrameSwitch(wiring.Component):
    """Streams of ``shape``, which has a field ``last``: ``inputs[i]`` and ``outputs[j]``. ``ways[i]`` In: bit j says
    that the frame at input i goes to output j, the same with all its beats; a frame without ways is thrown away.

    A frame gets all its ways at once, so two that want several never wait for each other, and nothing else comes in
    between. Inputs that wait take turns, and what one of them waits for is kept free for it. No register on the way:
    ``ready`` of an output must not depend on its ``valid``.
    """

    def __init__(self, shape: Any, inputs: int, outputs: int) -> None:
        self._shape = shape
        super().__init__({
            **{f"input_{i}": In(stream.Signature(shape)) for i in range(inputs)},
            **{f"ways_{i}": In(outputs) for i in range(inputs)},
            **{f"output_{j}": Out(stream.Signature(shape)) for j in range(outputs)},
        })
        self.inputs = [getattr(self, f"input_{i}") for i in range(inputs)]
        self.ways = [getattr(self, f"ways_{i}") for i in range(inputs)]
        self.outputs = [getattr(self, f"output_{j}") for j in range(outputs)]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        ready = Cat(output.ready for output in self.outputs)
        sent = []
        for given, ways, active in zip(self.inputs, self.ways, self._active(m), strict=True):
            # Of a beat that goes to several: who has taken it already.
            done = Signal.like(ways)
            offers = Signal.like(ways)
            m.d.comb += [
                offers.eq(Mux(given.valid & active, ways & ~done, 0)),
                given.ready.eq(~ways.any() | (active & ((ready | done) & ways == ways))),
            ]
            m.d.sync += done.eq(Mux(given.valid & given.ready, 0, done | (offers & ready)))
            sent.append(offers)
        for j, output in enumerate(self.outputs):
            payload = Signal(self._shape)
            for given, offers in zip(self.inputs, sent, strict=True):
                with m.If(offers[j]):
                    m.d.comb += payload.eq(given.payload)
            m.d.comb += [output.valid.eq(Cat(offers[j] for offers in sent).any()), output.payload.eq(payload)]
        return m

    def _active(self, m: Module) -> list[Signal]:
        """Whether an input has its ways."""
        count = len(self.inputs)
        inside = [Signal(name=f"inside_{i}") for i in range(count)]
        active = [Signal(name=f"active_{i}") for i in range(count)]
        turn = Signal(range(count))  # whose frame goes first
        waits = [given.valid & ways.any() & ~inside[i] for i, (given, ways) in enumerate(self._pairs())]
        with m.Switch(turn):
            for first in range(count):
                with m.Case(first):
                    taken: Value = Value.cast(0)
                    for ways, own in zip(self.ways, inside, strict=True):
                        taken |= Mux(own, ways, 0)
                    for i in ((first + k) % count for k in range(count)):
                        m.d.comb += active[i].eq(inside[i] | (waits[i] & ~(self.ways[i] & taken).any()))
                        taken |= Mux(waits[i], self.ways[i], 0)
                    with m.If(~waits[first] | active[first]):
                        m.d.sync += turn.eq((first + 1) % count)
        for i, (given, _) in enumerate(self._pairs()):
            with m.If(given.valid & active[i]):
                m.d.sync += inside[i].eq(~(given.ready & given.payload.last))
        return active

    def _pairs(self) -> list[tuple[Any, Any]]:
        return list(zip(self.inputs, self.ways, strict=True))
