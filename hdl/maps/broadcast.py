# amaranth: UnusedElaboratable=no
"""Redirecting to all interfaces in a device map: the set of them, kept beside the map's own unit.

A frame is sent once, with the set as one bit an interface; whoever has the ports copies it (decision 016). So the
hardware of programs that broadcast knows interfaces 1 to 31, each at most once in a map.
"""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal

from ..area import Area
from ..errors import Refused
from .base import Lowering, MapModel, MapShape, RedirectTarget, SiteKind
from .linux import BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS, EBUSY, EINVAL
from .row_map import RowMap
from .unit import HostOp, MapUnit
from .wrapper_unit import WrapperUnit

INTERFACES = 32
"""Bits of a set; bit 0 stays clear, since no interface has the number 0."""

BROADCAST = SiteKind(
    "broadcast", (), (("interfaces", INTERFACES),), 1, (0, 0), frozenset({"values"}), frozenset()
)
"""Result ``interfaces``: bit i is set if interface i is in the map."""

LOGIC = Area(lut4=360, flip_flops=107)
"""Of a `BroadcastUnit` without what is inside, as yosys makes it."""


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


class Broadcasting(RowMap):
    """What the types of device maps have in common; to be named before the class that has the rest."""

    operations = frozenset({"lookup", "redirect"})
    redirects_to = RedirectTarget.PORT
    redirect_flags = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS

    @abstractmethod
    def plain_hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> MapUnit:
        """The unit for all sites but `BROADCAST`."""

    def lower_broadcast(self, b: Lowering, shape: MapShape, predicate: Any) -> Any:
        return b.field(b.site(shape.name, BROADCAST, predicate), "interfaces")

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        return evaluate(model) if kind == BROADCAST else super().evaluate_site(model, kind, operands)

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> MapUnit:
        if BROADCAST not in sites:
            return self.plain_hardware(shape, sites)
        return BroadcastUnit(shape, sites, functools.partial(self.plain_hardware, shape))


class BroadcastUnit(WrapperUnit):
    """The unit of a device map with `BROADCAST` sites beside those of the unit that ``make`` gives for the others.

    An update to an interface above 31 fails with -EINVAL, as to one that does not exist, and with -EBUSY if another
    entry has the interface already. Updates and deletes look the old entry up first, in the same turn; frames see the
    set and the map change together.
    """

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], make: Callable[[Sequence[SiteKind]], MapUnit]
    ) -> None:
        super().__init__(shape, kinds, make([kind for kind in kinds if kind != BROADCAST]), BROADCAST)
        self.host_hold = 2 * self.inner.host_hold + 4  # two operations: each is told; in between CHECK, and a request

    def logic(self) -> Area:
        return super().logic() + LOGIC

    def wrap(self, m: Module) -> None:
        present = Signal(INTERFACES, reset_less=True)  # the map survives a reset, too
        for site, kind in zip(self.sites, self.kinds, strict=True):
            if kind == BROADCAST:
                with m.If(site.enable[0]):
                    m.d.sync += site.results.interfaces.eq(present)
        host, ask = self.host, self.inner.host
        updates = host.op == HostOp.UPDATE
        old, new = Signal(32), Signal(32)
        holding = Signal()  # no frame passes from the lookup on until the set has changed, too
        own, status = Signal(), Signal(32)
        m.d.comb += [
            self.host_request.eq(self.inner.host_request | holding),
            ask.request.eq(0),
            host.done.eq(0),
            host.status.eq(Mux(own, status, ask.status)),
            new.eq(Mux(updates, host.value[:32], 0)),
        ]
        with m.FSM(name="broadcast"):
            with m.State("PASS"), m.If(host.request):
                with m.If(updates | (host.op == HostOp.DELETE)):
                    m.next = "OLD"
                with m.Else():
                    m.d.comb += [ask.request.eq(1), host.done.eq(ask.done)]
                    m.d.sync += own.eq(0)
            with m.State("OLD"):
                m.d.comb += [ask.request.eq(1), ask.op.eq(HostOp.LOOKUP)]
                m.d.sync += holding.eq(holding | self.inner.host_request)
                with m.If(ask.done):
                    m.d.sync += old.eq(Mux(ask.status == 0, ask.result_value[:32], 0))
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += own.eq(1)
                taken, beyond = (new != old) & present.bit_select(new[:5], 1), new >= INTERFACES
                with m.If(taken | beyond):
                    m.d.sync += [status.eq(Mux(beyond, Const(-EINVAL, 32), Const(-EBUSY, 32))), holding.eq(0)]
                    m.next = "DONE"
                with m.Else():
                    m.next = "CHANGE"
            with m.State("CHANGE"):
                m.d.comb += ask.request.eq(1)
                with m.If(ask.done):
                    m.d.sync += [status.eq(ask.status), holding.eq(0)]
                    with m.If(ask.status == 0):
                        with m.If(old < INTERFACES):
                            m.d.sync += present.bit_select(old[:5], 1).eq(0)
                        with m.If(new != 0):
                            m.d.sync += present.bit_select(new[:5], 1).eq(1)
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += host.done.eq(1)
                m.next = "PASS"
