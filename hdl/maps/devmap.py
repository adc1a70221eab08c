"""Device maps (kernel/bpf/devmap.c): an index gives the interface out of which a frame is sent."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from .base import Lowering, MapModel, MapShape, RedirectTarget, SiteKind
from .broadcast import BROADCAST, evaluate, with_broadcasts
from .index_map import IndexMap
from .linux import BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS
from .slots import first_word
from .unit import MapUnit


class Devmap(IndexMap):
    """The host may give any ifindex but 0, which deletes the entry; programs on entries are refused (-EINVAL)."""

    type = 14
    name = "devmap"
    summary = "interfaces to redirect to, by index; filled by the host; the target is the ifindex"
    operations = frozenset({"lookup", "redirect"})
    redirects_to = RedirectTarget.PORT
    redirect_flags = BPF_F_BROADCAST | BPF_F_EXCLUDE_INGRESS

    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        return first_word(value)

    def lower_target(self, index: Any, word: Any) -> Any:
        return word

    def lower_broadcast(self, b: Lowering, shape: MapShape, predicate: Any) -> Any:
        return b.field(b.site(shape.name, BROADCAST, predicate), "interfaces")

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        return evaluate(model) if kind.name == BROADCAST.name else super().evaluate_site(model, kind, operands)

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> MapUnit:
        return with_broadcasts(shape, sites, functools.partial(super().hardware, shape))
