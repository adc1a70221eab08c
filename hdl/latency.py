"""Latency measured in the datapath: one result record a frame, and histograms of them."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .egress import departure_layout

RESULT = data.StructLayout({
    "verdict": 3,
    "redirect": 32,
    "length": 16,
    "latency_first": 32,
    "latency_last": 32,
})
"""What became of one frame. ``length``: bytes sent, 0 for a frame that is not sent. Latencies: cycles from
the transfer of the frame's first beat on rx to that of its first / last beat on tx; for a frame that is not sent,
to its verdict."""


class Probe(wiring.Component):
    """Watches departing beats (``beat``, in the cycle of their transfer ``taken``) and makes a result record
    with the last one; ``valid`` for one cycle, the one after the transfer. ``now``: the cycle count of the
    stamps."""

    def __init__(self, width: int) -> None:
        super().__init__({
            "beat": In(departure_layout(width)),
            "taken": In(1),
            "now": In(32),
            "result": Out(RESULT),
            "valid": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        side, result = self.beat.side, self.result
        latency = Signal(32)
        m.d.comb += latency.eq(self.now - side.stamp)
        m.d.sync += self.valid.eq(self.taken & side.last)
        with m.If(self.taken):
            m.d.sync += [
                result.verdict.eq(side.verdict),
                result.redirect.eq(side.redirect),
                result.length.eq(side.length),
                result.latency_last.eq(latency),
            ]
            with m.If(side.first | ~side.send):
                m.d.sync += result.latency_first.eq(latency)
        return m


class Histogram(wiring.Component):
    """Counts samples by value, one a cycle: bin b for value b, the last of ``bins`` for all from there on.

    ``clear`` starts over; that takes ``bins`` cycles (``clearing``), in which samples are not counted. Reset
    clears the figures but not the bins; they are zero after configuration.

    ``low``, ``high``: least and greatest of the samples (``low`` is all ones without any). ``bin`` is the count of the
    bin that was ``bin_index`` one cycle before, if ``reads`` was high then. ``gaps``: some cycles are without a sample,
    and the host reads its bins in these, so that one read port, half the block memories, will do. Without, ``reads`` is
    always high.
    """

    def __init__(self, bins: int, *, gaps: bool, width: int = 32) -> None:
        self.bins = bins
        self.width = width
        self._gaps = gaps
        super().__init__({
            "sample": In(width),
            "valid": In(1),
            "clear": In(1),
            "clearing": Out(1),
            "low": Out(width, init=(1 << width) - 1),
            "high": Out(width),
            "bin_index": In(range(bins)),
            "reads": Out(1),
            "bin": Out(32),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=32, depth=self.bins, init=[])
        write = memory.write_port()
        read = memory.read_port(transparent_for=(write,))  # so that a bin can count in every cycle
        counts = Signal()
        place, value = Signal.like(read.addr), Signal.like(read.addr)
        m.d.comb += place.eq(Mux(self.sample < self.bins, self.sample, self.bins - 1))
        if self._gaps:
            host = read
            m.d.comb += [read.addr.eq(Mux(self.valid, place, self.bin_index)), self.reads.eq(~self.valid)]
        else:
            host = memory.read_port(transparent_for=(write,))
            m.d.comb += [read.addr.eq(place), host.addr.eq(self.bin_index), self.reads.eq(1)]
        m.d.comb += [
            self.bin.eq(host.data),
            write.addr.eq(value),
            write.data.eq(Mux(self.clearing, 0, read.data + 1)),
            write.en.eq(counts | self.clearing),
        ]
        m.d.sync += [counts.eq(self.valid & ~self.clearing), value.eq(place)]
        with m.If(self.valid):
            m.d.sync += [
                self.low.eq(Mux(self.sample < self.low, self.sample, self.low)),
                self.high.eq(Mux(self.sample > self.high, self.sample, self.high)),
            ]
        with m.If(self.clearing):
            m.d.sync += [value.eq(value + 1), self.clearing.eq(value != self.bins - 1)]
        with m.If(self.clear):
            m.d.sync += [self.clearing.eq(1), value.eq(0)]
        with m.If(self.clear | self.clearing):
            m.d.sync += [
                self.low.eq((1 << self.width) - 1),
                self.high.eq(0),
            ]
        return m
