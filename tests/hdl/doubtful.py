"""What goes from clock to clock, sampled while it changes."""

from __future__ import annotations

from contextlib import contextmanager
from unittest.mock import patch

from amaranth import Module, Signal
from amaranth.lib import wiring


class Doubtful(wiring.Component):
    """In place of `FFSynchronizer`: each bit that ``doubt`` says is as it was an edge of domain ``i_domain`` before."""

    def __init__(self, i, o, doubt, i_domain, o_domain):
        self._i, self._o, self._doubt = i, o, doubt
        self._domains = i_domain, o_domain
        super().__init__({})

    def elaborate(self, platform):
        m = Module()
        i_domain, o_domain = self._domains
        before, first = Signal.like(self._i), Signal.like(self._i)
        m.d[i_domain] += before.eq(self._i)
        m.d[o_domain] += [first.eq(self._i & ~self._doubt | before & self._doubt), self._o.eq(first)]
        return m


@contextmanager
def doubtful(module, doubts):
    """What a module makes inside has such synchronizers. ``doubts``: for each domain into which something goes, the
    domain where it comes from and the bits in doubt."""

    def synchronizer(i, o, o_domain):
        i_domain, doubt = doubts[o_domain]
        return Doubtful(i, o, doubt, i_domain, o_domain)

    with patch(f"{module}.FFSynchronizer", synchronizer):
        yield
