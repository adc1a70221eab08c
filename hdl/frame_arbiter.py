"""Several frame streams into one, a whole frame each."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out


class FrameArbiter(wiring.Component):
    """Two streams of ``shape``, which has a field ``last``: ``inputs[i]``; and ``output``, where frames follow
    each other whole. If both wait, they take turns. No register on the way."""

    def __init__(self, shape: Any) -> None:
        super().__init__({
            "input_0": In(stream.Signature(shape)),
            "input_1": In(stream.Signature(shape)),
            "output": Out(stream.Signature(shape)),
        })
        self.inputs = (self.input_0, self.input_1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        chosen, inside, turn = Signal(), Signal(), Signal()
        valid = Array(given.valid for given in self.inputs)
        granted = Signal()
        m.d.comb += [
            granted.eq(Mux(inside, chosen, Mux(valid[turn], turn, ~turn))),
            self.output.valid.eq(valid[granted]),
            self.output.payload.eq(
                Mux(granted, Value.cast(self.input_1.payload), Value.cast(self.input_0.payload))
            ),
            self.input_0.ready.eq(self.output.ready & ~granted),
            self.input_1.ready.eq(self.output.ready & granted),
        ]
        with m.If(self.output.valid):
            m.d.sync += [chosen.eq(granted), inside.eq(1)]  # also if it is not taken: valid holds until ready
            with m.If(self.output.ready & self.output.payload.last):
                m.d.sync += [inside.eq(0), turn.eq(~granted)]
        return m
