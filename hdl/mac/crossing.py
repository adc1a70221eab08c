"""Streams, and events counted, from one clock domain to another.

A number crosses in Gray code: whenever it is sampled, at most the bit that is just changing is undecided. It comes from
a register: what the other side samples has no glitches. Neither domain may be reset alone: the number would jump.
"""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out


def gray(number: Value) -> Value:
    """A number of n bits in Gray code, in n bits."""
    return (number ^ (number >> 1))[: len(number)]


def binary(code: Value) -> Value:
    """The number that has this Gray code."""
    return Cat(reduce(xor, code[i:]) for i in range(len(code)))


class EventCrossing(wiring.Component):
    """``event`` In(1), in domain ``i_domain``: high for a cycle, an event happens. ``amount`` Out(``bits``), in domain
    ``o_domain``: how many have become known at this edge. None is lost or told twice as long as fewer than
    2 ** ``bits`` - 1 happen between two edges of ``o_domain``.
    """

    def __init__(self, i_domain: str, o_domain: str, bits: int = 4) -> None:
        self._domains = i_domain, o_domain
        self._bits = bits
        super().__init__({"event": In(1), "amount": Out(bits)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bits, (i_domain, o_domain) = self._bits, self._domains
        count = Signal(bits, reset_less=True)
        following = Signal(bits)
        code = Signal(bits, reset_less=True)
        m.d.comb += following.eq(count + self.event)
        m.d[i_domain] += [count.eq(following), code.eq(gray(following))]

        seen = Signal(bits)
        known = Signal(bits)
        before = Signal(bits, reset_less=True)
        m.submodules.synchronizer = FFSynchronizer(code, seen, o_domain=o_domain)
        m.d.comb += [
            known.eq(binary(seen)),
            self.amount.eq(known - before),
        ]
        m.d[o_domain] += before.eq(known)
        return m


_UNSEEN = 2
"""Items that may have come in while what is known of their number is on its way through two registers."""


class FastFifo(wiring.Component):
    """A queue of items of ``shape`` from domain ``i_domain`` to domain ``o_domain``, for clocks without time to spare.

    ``write`` In(1): ``data`` In(``shape``) comes in. It may be high while ``room`` Out(1) is, or was up to ``late``
    edges ago. ``output``: stream. ``depth``: items, a power of two; all but 2 + ``late`` of them are sure to fit.

    In place of Amaranth's `AsyncFIFO`, whose full and empty are compared in the cycle in which they are needed (and
    whose reset goes from one side to the other): here both come from registers, an edge later.
    """

    def __init__(self, shape: Any, i_domain: str, o_domain: str, depth: int = 16, late: int = 0) -> None:
        self._shape = shape
        self._domains = i_domain, o_domain
        self._depth = depth
        self._fit = depth - _UNSEEN - late
        super().__init__({
            "write": In(1),
            "data": In(shape),
            "room": Out(1, init=1),
            "output": Out(stream.Signature(shape)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        i_domain, o_domain = self._domains
        bits = self._depth.bit_length()  # one more than a place has: a full queue is not an empty one
        m.submodules.storage = storage = Memory(shape=self._shape, depth=self._depth, init=[])
        store, load = storage.write_port(domain=i_domain), storage.read_port(domain="comb")
        written, written_code, written_seen = Signal(bits), Signal(bits), Signal(bits)
        read, read_code, read_seen = Signal(bits), Signal(bits), Signal(bits)
        m.submodules.written = FFSynchronizer(written_code, written_seen, o_domain=o_domain)
        m.submodules.read = FFSynchronizer(read_code, read_seen, o_domain=i_domain)

        read_known, level = Signal(bits), Signal(bits)
        following = Signal(bits)
        m.d.comb += [
            store.addr.eq(written[:-1]),
            store.data.eq(self.data),
            store.en.eq(self.write),
            following.eq(written + self.write),
        ]
        m.d[i_domain] += [
            written.eq(following),
            written_code.eq(gray(following)),
            read_known.eq(binary(read_seen)),
            level.eq(written - read_known),
            self.room.eq(level < self._fit),
        ]

        # What is known is an edge old: if an item was taken since, there is one less.
        behind_code = Signal(bits, init=1)  # of the place behind the one that is read next
        some, more, took = Signal(), Signal(), Signal()
        take = Signal()
        m.d.comb += [
            load.addr.eq(read[:-1]),
            self.output.payload.eq(load.data),
            self.output.valid.eq(more | (some & ~took)),
            take.eq(self.output.valid & self.output.ready),
        ]
        m.d[o_domain] += [
            some.eq(written_seen != read_code),
            more.eq((written_seen != read_code) & (written_seen != behind_code)),
            took.eq(take),
        ]
        with m.If(take):
            m.d[o_domain] += [read.eq(read + 1), read_code.eq(behind_code), behind_code.eq(gray((read + 2)[:bits]))]
        return m
