"""Latencies from wire to wire, by verdict and port: histograms in one block memory, read one word at a time."""

from __future__ import annotations

from typing import Any

from amaranth import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.fifo import SyncFIFO
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .mac.stamps import DEPARTURE, TAG, TIME_BITS

KINDS = 1 << TAG.size
BINS = 128
BIN_CYCLES = 16
"""Latencies that one bin counts; the last bin counts all that are longer, too."""

TOTAL_FIELDS = ("low", "high", "count", "total_low", "total_high")
"""Words that tell of a kind: least and greatest latency (nothing, if there is no frame), frames, sum."""
TOTAL_STRIDE = 8

_WAITING = 16
_TOTALS = data.StructLayout({"low": TIME_BITS, "high": TIME_BITS, "count": 32, "total": 64})


class LatencyBank(wiring.Component):
    """``sample_i`` In(DEPARTURE) in cycles with ``valid_i``: a frame's latency and kind (the tag). Each takes two
    cycles; of every source some wait, and what comes when too many do is only counted: ``lost`` Out(32).

    ``ask`` In, held until ``done`` Out: a word is wanted, which is in ``word`` Out(32) from the next cycle on. With
    ``totals``, word ``index`` % TOTAL_STRIDE of kind ``index`` / TOTAL_STRIDE; else bin ``index`` % BINS of kind
    ``index`` / BINS. Reading ``total_low`` keeps ``total_high`` for the read that follows. ``clear`` In starts over,
    which takes KINDS * BINS cycles (``clearing`` Out).
    """

    def __init__(self, sources: int) -> None:
        self._sources = sources
        super().__init__({
            **{f"sample_{i}": In(DEPARTURE) for i in range(sources)},
            **{f"valid_{i}": In(1) for i in range(sources)},
            "lost": Out(32),
            "ask": In(1),
            "totals": In(1),
            "index": In(range(KINDS * BINS)),
            "done": Out(1),
            "word": Out(32),
            "clear": In(1),
            "clearing": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.bins = bins = Memory(shape=32, depth=KINDS * BINS, init=[])
        m.submodules.totals = totals = Memory(shape=_TOTALS, depth=KINDS, init=[])
        read, write = bins.read_port(), bins.write_port()
        total, new_total = totals.read_port(domain="comb"), totals.write_port()
        sample, waiting, take = self._queues(m)
        place = Signal(range(KINDS * BINS))
        kept = Signal(DEPARTURE)
        position = sample.latency // BIN_CYCLES
        m.d.comb += [
            place.eq(Cat(Mux(position < BINS, position[: (BINS - 1).bit_length()], BINS - 1), sample.tag)),
            read.addr.eq(Mux(waiting, place, self.index)),
        ]
        before, after = total.data, Signal(_TOTALS)
        empty = before.count == 0
        m.d.comb += [
            total.addr.eq(Mux(self.ask & ~write.en, self.index // TOTAL_STRIDE, kept.tag)),
            after.low.eq(Mux(empty | (kept.latency < before.low), kept.latency, before.low)),
            after.high.eq(Mux(empty | (kept.latency > before.high), kept.latency, before.high)),
            after.count.eq(before.count + 1),
            after.total.eq(before.total + kept.latency),
            write.data.eq(read.data + 1),
            new_total.addr.eq(kept.tag),
            new_total.data.eq(after),
            new_total.en.eq(write.en),
        ]
        total_high, clears = Signal(32), Signal()
        with m.If(self.clear):
            m.d.sync += clears.eq(1)
        m.d.comb += self.clearing.eq(clears)
        with m.FSM():
            with m.State("idle"):
                m.d.sync += [write.addr.eq(place), kept.eq(sample)]
                with m.If(clears):
                    m.d.sync += write.addr.eq(0)
                    m.next = "clear"
                with m.Elif(waiting):
                    m.d.comb += take.eq(1)
                    m.next = "count"
                with m.Elif(self.ask):
                    m.next = "answer"
            with m.State("count"):
                m.d.comb += write.en.eq(1)
                m.next = "idle"
            with m.State("answer"):
                m.d.comb += self.done.eq(1)
                words = Array([before.low, before.high, before.count, before.total[:32], total_high, 0, 0, 0])
                field = self.index % TOTAL_STRIDE
                m.d.sync += self.word.eq(Mux(self.totals, words[field], read.data))
                with m.If(self.totals & (field == TOTAL_FIELDS.index("total_low"))):
                    m.d.sync += total_high.eq(before.total[32:])
                m.next = "idle"
            with m.State("clear"):
                m.d.comb += [
                    take.eq(1),
                    write.en.eq(1),
                    write.data.eq(0),
                    new_total.addr.eq(write.addr),
                    new_total.data.eq(0),
                ]
                m.d.sync += write.addr.eq(write.addr + 1)
                with m.If(write.addr == KINDS * BINS - 1):
                    m.d.sync += clears.eq(0)
                    m.next = "idle"
        return m

    def _queues(self, m: Module) -> tuple[Any, Signal, Signal]:
        """The sample that is next, whether there is one, and a signal that takes it."""
        sample, waiting, take = Signal(DEPARTURE), Signal(), Signal()
        lost: Any = 0
        earlier: Any = Const(0, 1)
        for i in range(self._sources):
            m.submodules[f"queue_{i}"] = queue = SyncFIFO(width=DEPARTURE.size, depth=_WAITING)
            valid = getattr(self, f"valid_{i}")
            m.d.comb += [queue.w_data.eq(getattr(self, f"sample_{i}")), queue.w_en.eq(valid)]
            lost += valid & ~queue.w_rdy
            with m.If(queue.r_rdy & ~earlier):
                m.d.comb += [sample.eq(queue.r_data), queue.r_en.eq(take)]
            earlier = earlier | queue.r_rdy
        m.d.comb += waiting.eq(earlier)
        m.d.sync += self.lost.eq(self.lost + lost)
        return sample, waiting, take
