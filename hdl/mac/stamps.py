"""When frames were on the line: a time that all ports share goes with each."""

from __future__ import annotations

from functools import reduce
from operator import xor
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

TIME_BITS = 32
"""Of a time: cycles of ``sync``, modulo 2 ** 32."""

_NEIGHBOURS = 6
"""As many as there are sums of them in a time: both stages are short, also if synthesis makes chains of them."""

TAG = data.StructLayout({"verdict": 3, "source": 1})
"""What is measured: frames by verdict and port where they came in. Verdict 0: not measured."""

STAMP = data.StructLayout({"time": TIME_BITS, "tag": TAG})
"""What goes with a frame: when its first byte behind the start delimiter came in."""

DEPARTURE = data.StructLayout({"latency": TIME_BITS, "tag": TAG})
"""A frame's first byte behind the start delimiter went out: cycles since it came in."""


class TimeCrossing(wiring.Component):
    """``now`` In(TIME_BITS), in domain ``sync``: one more each cycle. ``seen`` Out(TIME_BITS), in ``o_domain``: what it
    was four edges of ``o_domain`` and one of ``sync`` ago.

    It crosses in Gray code, so at most the bit that is just changing is undecided.
    """

    def __init__(self, o_domain: str) -> None:
        self._domain = o_domain
        super().__init__({"now": In(TIME_BITS), "seen": Out(TIME_BITS)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        gray, crossed, settled = Signal(TIME_BITS), Signal(TIME_BITS), Signal(TIME_BITS)
        m.d.sync += gray.eq(self.now ^ (self.now >> 1))  # from a register: no glitches are sampled
        m.submodules.synchronizer = FFSynchronizer(gray, crossed, o_domain=self._domain)
        # A bit is the sum of all above it. Two stages: sums of neighbours, and then of these.
        m.d[self._domain] += [
            settled.eq(Cat(reduce(xor, crossed[i : i + _NEIGHBOURS]) for i in range(TIME_BITS))),
            self.seen.eq(Cat(reduce(xor, settled[i::_NEIGHBOURS]) for i in range(TIME_BITS))),
        ]
        return m
