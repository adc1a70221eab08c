"""Events counted in one clock domain, known in another."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out


class EventCrossing(wiring.Component):
    """``event`` In(1), in domain ``i_domain``: high for a cycle, an event happens. ``amount`` Out(``bits``), in domain
    ``o_domain``: how many have become known at this edge. None is lost or told twice as long as fewer than
    2 ** ``bits`` - 1 happen between two edges of ``o_domain``.

    A count modulo 2 ** bits crosses in Gray code: whenever it is sampled, at most the bit that is just changing is
    undecided. Neither domain may be reset alone: the count would jump.
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
        gray = Signal(bits, reset_less=True)
        m.d.comb += following.eq(count + self.event)
        # Gray code comes from a register: what the other side samples has no glitches.
        m.d[i_domain] += [count.eq(following), gray.eq(following ^ (following >> 1))]

        seen = Signal(bits)
        known = Signal(bits)
        before = Signal(bits, reset_less=True)
        m.submodules.synchronizer = FFSynchronizer(gray, seen, o_domain=o_domain)
        m.d.comb += [
            known.eq(Cat(reduce(xor, seen[i:]) for i in range(bits))),
            self.amount.eq(known - before),
        ]
        m.d[o_domain] += before.eq(known)
        return m
