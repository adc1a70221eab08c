"""Counts in one memory, each of which is brought up to date in turn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .verilog_memory import NO_COLLISIONS

COUNT_BITS = 64


class CounterBank(wiring.Component):
    """As many counts as there are ``widths``, two at least. In each cycle ``add_i`` In(widths[i]) is added to count i,
    or bit i of ``clear`` In makes it 0, and what is added is lost.

    ``ask`` In, held until ``done`` Out: count ``index`` In is wanted, which is in ``count`` Out(COUNT_BITS) from the
    next cycle on until another one is. That takes as many cycles as there are counts at most. What was added up to two
    cycles before ``ask`` is in it.

    Registers have what comes until a count has its turn, a few bits; all else is in the memory, with one adder for all.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = tuple(widths)
        super().__init__({
            **{f"add_{i}": In(width) for i, width in enumerate(widths)},
            "clear": In(len(widths)),
            "index": In(range(len(widths))),
            "ask": In(1),
            "done": Out(1),
            "count": Out(COUNT_BITS),
        })
        self.adds = [getattr(self, f"add_{i}") for i in range(len(widths))]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        number = len(self._widths)
        m.submodules.memory = memory = Memory(shape=COUNT_BITS, depth=number, init=[], attrs=NO_COLLISIONS)
        fetch, store = memory.read_port(domain="comb"), memory.write_port()
        turn, fetched = Signal(range(number)), Signal(range(number))  # never the same, but after a reset
        zero = Signal(number, init=-1)  # whatever the memory has
        waiting = []
        for i, (width, add) in enumerate(zip(self._widths, self.adds, strict=True)):
            most = number * ((1 << width) - 1)
            more = Signal(most.bit_length(), name=f"waiting_{i}")
            here = turn == i
            m.d.sync += more.eq(Mux(self.clear[i], 0, Mux(here, 0, more) + add))
            with m.If(here):
                m.d.sync += zero[i].eq(0)
            with m.If(self.clear[i]):
                m.d.sync += zero[i].eq(1)
            waiting.append(more)
        stored, recent = Signal(COUNT_BITS), Signal(max(len(more) for more in waiting))
        clears = self.clear.bit_select(turn, 1)
        m.d.comb += fetch.addr.eq(turn)
        m.d.sync += [
            turn.eq(Mux(turn == number - 1, 0, turn + 1)),
            fetched.eq(turn),
            stored.eq(Mux(clears | zero.bit_select(turn, 1), 0, fetch.data)),
            recent.eq(Mux(clears, 0, Array(waiting)[turn])),
        ]
        m.d.comb += [
            store.addr.eq(fetched),
            store.data.eq(stored + recent),
            store.en.eq(1),
            self.done.eq(self.ask & (fetched == self.index)),
        ]
        with m.If(self.done):
            m.d.sync += self.count.eq(store.data)
        return m
