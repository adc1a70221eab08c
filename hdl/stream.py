"""The streams between the parts of the datapath, and a register stage for any of them.

All are `amaranth.lib.stream.Signature` over the layouts below; byte 0 of a frame is in the lowest bits.
"""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

SOURCE_BITS = 8
"""Of a frame's ifindex, these many go with it past the program, for who sends it on."""


def frame_layout(width: int) -> data.StructLayout:
    """One beat of ``width`` bytes of a received frame.

    ``keep``: the bytes that belong to the frame; all but in the last beat, there the lowest ones. ``error``:
    valid with ``last``, kills the frame. ``ifindex``, ``rx_queue``, ``time_ns``: valid with the first beat.
    """
    return data.StructLayout({
        "data": 8 * width,
        "keep": width,
        "last": 1,
        "error": 1,
        "ifindex": 32,
        "rx_queue": 32,
        "time_ns": 64,
    })


def window_layout(window: int) -> data.StructLayout:
    """What a program gets of one frame: its first ``window`` bytes (zero behind its end), its ``length`` in
    bytes and the metadata of its first beat."""
    return data.StructLayout({
        "window": 8 * window,
        "length": 16,
        "ifindex": 32,
        "rx_queue": 32,
        "time_ns": 64,
    })


def outcome_layout(window: int, headroom: int) -> data.StructLayout:
    """What a program makes of one frame; the fields are the outputs of `codegen.graph.ir.Graph`.

    ``window`` has ``headroom`` bytes in front of the received frame and then the ``window`` bytes that the
    program got. ``start`` and ``limit`` are offsets into it (and beyond, into the payload behind it).
    """
    return data.StructLayout({
        "verdict": 3,
        "redirect": 32,
        "start": 16,
        "length": 16,
        "limit": 16,
        "window": 8 * (headroom + window),
    })


def receipt_layout(payload_beats: int) -> data.StructLayout:
    """What ingress tells egress about a frame, past the program: how many beats (at most ``payload_beats``)
    it has in the payload FIFO, the cycle of its first beat, and where it came from (the low bits of its ifindex)."""
    return data.StructLayout({"beats": payload_beats.bit_length(), "stamp": 32, "source": SOURCE_BITS})


def thermometer(count: Value, width: int) -> Value:
    """``width`` bits of which the lowest ``count`` (0 .. width) are set."""
    ones = (1 << width) - 1
    return ~((ones << count)[:width])


def mask_bytes(word: Value, keep: Value) -> Value:
    """``word`` with the bytes zero whose bit in ``keep`` is low.

    One multiplexer a byte: simulators are slow at words that are put together bit by bit.
    """
    return Cat(Mux(bit, word.word_select(i, 8), 0) for i, bit in enumerate(keep))


def register_behind(m: Module, port: Any) -> Any:
    """A register that drives a port of any shape, without a reset: nobody looks at data in a cycle that is not valid,
    and a line for their reset to every corner of an FPGA is in the way of others."""
    register = Signal(port.shape(), name="payload_register", reset_less=True)
    m.d.comb += port.eq(register)
    return register


class Stage(wiring.Component):
    """A register for a stream of any shape: one cycle of latency, one item a cycle, and nothing but a register behind
    ``input.payload``. ``ready`` goes through; where that path would be too long, a `Skid` breaks it."""

    def __init__(self, shape: Any) -> None:
        super().__init__({"input": In(stream.Signature(shape)), "output": Out(stream.Signature(shape))})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        payload = register_behind(m, self.output.payload)
        m.d.comb += self.input.ready.eq(~self.output.valid | self.output.ready)
        with m.If(self.input.ready):
            m.d.sync += [payload.eq(self.input.payload), self.output.valid.eq(self.input.valid)]
        return m


class Skid(wiring.Component):
    """A register stage for a stream of any shape, holding up to two items.

    One cycle of latency, one item a cycle, and no combinational path between its sides in either direction.
    """

    def __init__(self, shape: Any) -> None:
        super().__init__({"input": In(stream.Signature(shape)), "output": Out(stream.Signature(shape))})
        self._shape = shape

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        payload = register_behind(m, self.output.payload)
        spare = Signal(self._shape, reset_less=True)
        spare_valid = Signal()
        m.d.comb += self.input.ready.eq(~spare_valid)
        with m.If(~self.output.valid | self.output.ready):
            m.d.sync += [
                payload.eq(Mux(spare_valid, Value.cast(spare), Value.cast(self.input.payload))),
                self.output.valid.eq(spare_valid | self.input.valid),
                spare_valid.eq(0),
            ]
        with m.Elif(self.input.ready):
            m.d.sync += [spare.eq(self.input.payload), spare_valid.eq(self.input.valid)]
        return m
