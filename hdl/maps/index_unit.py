"""The hardware of redirect maps with an index for a key."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Value

from .base import MapShape, SiteKind
from .index_model import IndexRules
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT
from .slots import Checks, SlotUnit
from .unit import HostOp


class IndexUnit(SlotUnit):
    """What the host may do is said by ``rules``."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rules: IndexRules) -> None:
        self._rules = rules
        super().__init__(shape, kinds)

    def checks(self, index: Value, outside: Value, there: Value) -> Checks:
        host, rules = self.host, self._rules
        word = host.value[:32]
        has_program = host.value[32:].as_signed() > 0 if len(host.value) > 32 else 0
        present = there if rules.by_entry else 1
        return {
            HostOp.LOOKUP: [(outside | ~there, ENOENT)],
            HostOp.ENTRY: [(~there, ENOENT), (outside, E2BIG)],
            HostOp.DELETE: [(outside, EINVAL)],
            HostOp.UPDATE: [
                (has_program, EINVAL),
                (word > rules.most, rules.over),
                ((host.flags == BPF_EXIST) & ~Value.cast(present)[0], ENOENT),
                ((host.flags == BPF_NOEXIST) & present, EEXIST),
                ((word == 0) if rules.zero else 0, rules.zero),
                (outside, E2BIG),
                (host.flags > BPF_EXIST, EINVAL),
            ],
        }
