"""A unit around another one, of which it changes something."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import flipped

from ..area import Area
from .base import MapShape, SiteKind
from .unit import MapUnit

_ASKS = ("request", "op", "index", "key", "value", "flags")
_ANSWERS = ("done", "status", "result_key", "result_value")


class WrapperUnit(MapUnit):
    """Everything goes to and comes from ``inner``, except what `wrap` assigns anew. ``own``: a kind of sites that the
    inner unit does not have."""

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], inner: MapUnit, own: SiteKind | None = None
    ) -> None:
        super().__init__(shape, kinds)
        self.inner = inner
        self._own = own
        self.spare = inner.spare
        self.host_hold, self.site_hold = inner.host_hold, inner.site_hold
        self.frame_hold, self.pause = inner.frame_hold, inner.pause

    def logic(self) -> Area:
        return self.inner.logic()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.inner = inner = self.inner
        passed = [site for site, kind in zip(self.sites, self.kinds, strict=True) if kind != self._own]
        for outer_site, site in zip(passed, inner.sites, strict=True):
            wiring.connect(m, flipped(outer_site), site)
        host, its = self.host, inner.host
        m.d.comb += [
            self.host_request.eq(inner.host_request),
            inner.host_grant.eq(self.host_grant),
            *(getattr(its, name).eq(getattr(host, name)) for name in _ASKS),
            *(getattr(host, name).eq(getattr(its, name)) for name in _ANSWERS),
        ]
        self.wrap(m)
        return m

    @abstractmethod
    def wrap(self, m: Module) -> None:
        """What is different: later assignments win over those of `elaborate`."""
