"""Redirecting to all interfaces in a device map: the set of them, kept beside the map's own unit.

A frame is sent once, with the set as one bit an interface; whoever has the ports copies it (decision 016). So the
hardware of programs that broadcast knows interfaces 1 to 31, each at most once in a map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import flipped

from ..errors import Refused
from .base import MapModel, MapShape, SiteKind
from .linux import EBUSY, EINVAL
from .unit import HostOp, MapUnit

INTERFACES = 32
"""Bits of a set; bit 0 stays clear, since no interface has the number 0."""

BROADCAST = SiteKind(
    "broadcast", (), (("interfaces", INTERFACES),), 1, (0, 0), frozenset({"values"}), frozenset()
)
"""Result ``interfaces``: bit i is set if interface i is in the map."""


def interfaces(model: MapModel) -> list[int]:
    """The targets of all entries, in ascending order; one that is there twice comes twice."""
    found = (model.redirect(int.from_bytes(key, "little")) for key, _ in model.items())
    return sorted(target for target in found if target is not None)


def evaluate(model: MapModel) -> int:
    """What a `BROADCAST` site delivers. Raises `Refused` for contents that the unit would not have taken."""
    found = interfaces(model)
    if len(set(found)) < len(found) or any(each >= INTERFACES for each in found):
        raise Refused(
            "a frame would go to an interface twice, or to one with a number above 31",
            "number the interfaces of a map that is broadcast to from 1 to 31, and put each in once",
        )
    return sum(1 << each for each in found)


def with_broadcasts(
    shape: MapShape, kinds: Sequence[SiteKind], make: Callable[[Sequence[SiteKind]], MapUnit]
) -> MapUnit:
    """The unit that ``make`` gives, in a `BroadcastUnit` if that is needed."""
    return BroadcastUnit(shape, kinds, make) if BROADCAST in kinds else make(kinds)


class BroadcastUnit(MapUnit):
    """The unit of a device map with `BROADCAST` sites beside those of the unit that ``make`` gives for the others.

    An update to an interface above 31 fails with -EINVAL, as to one that does not exist, and with -EBUSY if another
    entry has the interface already. Updates and deletes look the old entry up first; frames see the set and the map
    change together.
    """

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], make: Callable[[Sequence[SiteKind]], MapUnit]
    ) -> None:
        super().__init__(shape, kinds)
        self._inner = make([kind for kind in kinds if kind.name != BROADCAST.name])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = self._inner
        others = iter(inner.sites)
        present = Signal(INTERFACES)
        for site, kind in zip(self.sites, self.kinds, strict=True):
            if kind.name != BROADCAST.name:
                wiring.connect(m, flipped(site), next(others))
                continue
            with m.If(site.enable[0]):
                m.d.sync += site.results.interfaces.eq(present)
        self._serve_host(m, inner, present)
        return m

    def _serve_host(self, m: Module, inner: MapUnit, present: Signal) -> None:
        """Operations of the host, and with them the set."""
        host, ask = self.host, inner.host
        word = host.value[:32]
        updates = host.op == HostOp.UPDATE
        changes = updates | (host.op == HostOp.DELETE)
        old, holding, own, status = Signal(32), Signal(), Signal(), Signal(32)
        new = Signal(32)
        m.d.comb += [
            self.host_request.eq(inner.host_request | holding),
            inner.host_grant.eq(self.host_grant),
            ask.op.eq(host.op),
            ask.index.eq(host.index),
            ask.key.eq(host.key),
            ask.value.eq(host.value),
            ask.flags.eq(host.flags),
            host.status.eq(Mux(own, status, ask.status)),
            host.result_key.eq(ask.result_key),
            host.result_value.eq(ask.result_value),
            new.eq(Mux(updates, word, 0)),
        ]
        with m.FSM(name="broadcast"):
            with m.State("PASS"), m.If(host.request):
                with m.If(changes):
                    m.next = "OLD"
                with m.Else():
                    m.d.comb += [ask.request.eq(1), host.done.eq(ask.done)]
                    m.d.sync += own.eq(0)
            with m.State("OLD"):
                m.d.comb += [ask.request.eq(1), ask.op.eq(HostOp.LOOKUP)]
                with m.If(ask.done):
                    m.d.sync += old.eq(Mux(ask.status == 0, ask.result_value[:32], 0))
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += own.eq(1)
                m.next = "CHANGE"
                with m.If((new != old) & present.bit_select(new[:5], 1)):
                    m.d.sync += status.eq(-EBUSY)
                    m.next = "DONE"
                with m.If(new >= INTERFACES):
                    m.d.sync += status.eq(-EINVAL)
                    m.next = "DONE"
            with m.State("CHANGE"):
                # No frame passes from the unit's turn on until the set has changed, too.
                m.d.comb += ask.request.eq(1)
                m.d.sync += holding.eq((holding | inner.host_request) & ~ask.done)
                with m.If(ask.done):
                    m.d.sync += status.eq(ask.status)
                    with m.If(ask.status == 0):
                        with m.If(old < INTERFACES):
                            m.d.sync += present.bit_select(old[:5], 1).eq(0)
                        with m.If(new != 0):
                            m.d.sync += present.bit_select(new[:5], 1).eq(1)
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += host.done.eq(1)
                m.next = "PASS"
