# amaranth: UnusedElaboratable=no
"""Device maps with any key (kernel/bpf/devmap.c): 32-bit numbers, often ifindexes, give the interface to send on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Lowering, MapShape, Redirection, SiteKind
from .broadcast import Broadcasting
from .checked_hash_unit import DevmapHashUnit
from .creation import HOST_FLAGS
from .hash import HashMap
from .hash_model import HashModel
from .hash_unit import HashUnit
from .index_model import stored
from .linux import BPF_EXIST, BPF_NOEXIST, EINVAL
from .slots import check_creatable, first_word
from .table import Table
from .unit import MapUnit


class DevmapHashModel(HashModel):
    """A hash map whose values are those of a devmap; BPF_EXIST inserts, too, as in Linux."""

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        kept = stored(value)
        if flags > BPF_EXIST or not first_word(value) or kept is None:
            return -EINVAL
        return super().update(key, kept, flags & BPF_NOEXIST)

    def redirect(self, index: int) -> int | None:
        handle = self.lookup(index.to_bytes(4, "little"))
        return None if handle is None else first_word(self.value(handle))


class DevmapHash(Broadcasting, HashMap):
    type = 25
    name = "devmap_hash"
    summary = "interfaces to redirect to, by any 32-bit key; filled by the host; the target is the ifindex"
    creation_flags = HOST_FLAGS
    values_writable = False
    holds_locks = False

    def check(self, shape: MapShape) -> None:
        check_creatable(self, shape, (4, 8))
        super().check(shape)

    def model(self, shape: MapShape) -> DevmapHashModel:
        return DevmapHashModel(shape, self.layout(shape))

    def lower_redirect(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> Redirection:
        entry = self.lower_lookup(b, shape, predicate, index)
        site = b.site(shape.name, self.read_kind(shape), predicate, entry.address, entry.tag)
        return Redirection(entry.found, b.op("slice", 32, b.field(site, "row"), attr=0))

    def plain_hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> MapUnit:
        return DevmapHashUnit(HashUnit(shape, sites, self.layout(shape), Table.of(shape)))
