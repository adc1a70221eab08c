"""The hardware of LRU hash maps: a hash map with room to spare, from which something takes entries away.

An insert never fails: it goes into a `HashUnit` for `spare_entries` more than the map may have. As soon as there are
too many, the unit asks the pipeline for a pause, as for the host, and deletes entries until there are few enough again.
The victims are those at a hand that goes round over all slots, so a new entry stays for about a whole round. A slot on
the way costs some 6 cycles, so it is small maps, with few entries among many slots, that wait longest: they get less
room to spare.

While the unit waits for the pause only frames between first and last touch of the map can insert; the spare entries are
for them, and a pipeline with more of them is refused (`longest_drain`).
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import flipped

from ..area import Area
from .base import MapShape, SiteKind
from .hash_unit import HashUnit
from .rows import ValueRows
from .table import Table
from .unit import HostOp, MapUnit


def spare_entries(max_entries: int) -> int:
    """Entries that can be there beyond ``max_entries`` until the pause comes."""
    return min(512, max(128, max_entries))


class LruUnit(MapUnit):
    """Sites are those of `HashUnit`; ``roomy`` is the shape with `spare_entries` more."""

    def __init__(
        self, shape: MapShape, roomy: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, table: Table
    ) -> None:
        super().__init__(shape, kinds)
        self._slots = table.slots
        if updates := sum(kind.name == "change" for kind in kinds):
            spare = roomy.max_entries - shape.max_entries
            self.longest_drain = spare // updates - 2  # less the frame that begins to be too much, and the next
        self._inner = HashUnit(roomy, kinds, rows, table)
        self.host_hold, self.site_hold = self._inner.host_hold, self._inner.site_hold

    def logic(self) -> Area:
        return self._inner.logic()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        for outer_site, site in zip(self.sites, inner.sites, strict=True):
            wiring.connect(m, flipped(outer_site), site)
        host, its = self.host, inner.host
        crowded = inner.entries > self.shape.max_entries
        evicting = Signal()
        hand = Signal(range(self._slots))
        m.d.comb += [
            self.host_request.eq(inner.host_request | evicting),
            inner.host_grant.eq(self.host_grant),
            its.index.eq(Mux(evicting, hand, host.index)),
            its.key.eq(Mux(evicting, its.result_key, host.key)),
            its.value.eq(host.value),
            its.flags.eq(host.flags),
            its.op.eq(host.op),
        ]
        with m.FSM():
            with m.State("IDLE"):  # the inner request is low here, as it must be between two
                with m.If(crowded):
                    m.d.comb += evicting.eq(1)
                    m.next = "FIND"
                with m.Elif(host.request):
                    m.next = "HOST"
            with m.State("HOST"):
                m.d.comb += its.request.eq(1)
                with m.If(its.done):
                    m.d.sync += [
                        host.status.eq(its.status),
                        host.result_key.eq(its.result_key),
                        host.result_value.eq(its.result_value),
                    ]
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += host.done.eq(1)
                m.next = "IDLE"
            with m.State("FIND"):
                m.d.comb += [evicting.eq(1), its.request.eq(1), its.op.eq(HostOp.ENTRY)]
                with m.If(its.done):
                    m.d.sync += hand.eq(Mux(hand == self._slots - 1, 0, hand + 1))
                    m.next = "NEXT"
                    with m.If(its.status == 0):
                        m.next = "FOUND"
            with m.State("NEXT"):
                m.d.comb += evicting.eq(1)
                m.next = "FIND"
            with m.State("FOUND"):
                m.d.comb += evicting.eq(1)
                m.next = "DELETE"
            with m.State("DELETE"):
                m.d.comb += [evicting.eq(1), its.request.eq(1), its.op.eq(HostOp.DELETE)]
                with m.If(its.done):
                    m.next = "IDLE"
        return m
