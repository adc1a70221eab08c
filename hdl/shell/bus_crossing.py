"""The control bus from one clock domain to another."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from ..register_bus import BUS


class BusCrossing(wiring.Component):
    """``near`` in domain ``near_domain``, ``far`` in ``far_domain``; a transfer at a time.

    A request is a change of one bit, and so is its answer. What goes with them stands still while they cross, so it
    needs no synchronizers, only to arrive within a few cycles. These bits outlive reset, so that no side waits for ever
    if the other one is reset alone; a transfer that was under way then is carried out, or anew.
    """

    def __init__(self, near_domain: str, far_domain: str) -> None:
        self._domains = near_domain, far_domain
        bus = wiring.Signature(BUS)
        super().__init__({"near": Out(bus), "far": In(bus)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        near, far, (near_domain, far_domain) = self.near, self.far, self._domains
        request = Signal(reset_less=True)
        answer = Signal(reset_less=True)
        requested = Signal()
        answered = Signal()
        m.submodules.request_synchronizer = FFSynchronizer(request, requested, o_domain=far_domain)
        m.submodules.answer_synchronizer = FFSynchronizer(answer, answered, o_domain=near_domain)

        waits = Signal()
        with m.If(waits), m.If(answered == request):
            m.d.comb += near.ready.eq(1)
            m.d[near_domain] += waits.eq(0)
        with m.Elif(near.valid & (answered == request)):
            m.d[near_domain] += [
                waits.eq(1),
                request.eq(~request),
                far.address.eq(near.address),
                far.write.eq(near.write),
                far.wdata.eq(near.wdata),
            ]

        m.d.comb += far.valid.eq(requested != answer)
        with m.If(far.valid & far.ready):
            m.d[far_domain] += [answer.eq(requested), near.rdata.eq(far.rdata)]
        return m
