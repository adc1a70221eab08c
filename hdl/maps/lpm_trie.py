# amaranth: UnusedElaboratable=no
"""LPM tries (kernel/bpf/lpm_trie.c): the longest prefix that matches. The hardware is described in `lpm_unit`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import DELETE, Entry, Lowering, MapModel, MapShape, SiteKind
from .creation import HOST_FLAGS, PROGRAM_FLAGS, check_flags
from .linux import BPF_EXIST, BPF_F_NO_PREALLOC, EINVAL
from .lpm_base_unit import LpmBaseUnit
from .lpm_model import LpmModel
from .lpm_range_unit import LpmRangeUnit, is_applicable
from .lpm_scan_unit import LpmScanUnit
from .lpm_unit import LpmUnit
from .row_map import RowMap, by_index
from .rows import ValueRows, check_memory, check_sizes, operands_by_name
from .trie import LENGTH_BYTES, Trie

LEVELS_LIMIT = 32
"""Bytes of the longest prefixes that have a stage of the pipeline for every 2 bits; longer ones are compared one after
the other."""

PREFIX_LIMIT = 256
"""LPM_DATA_SIZE_MAX."""

ERROR_BITS = 8
"""Results of updates and deletes: 0 or a negative errno."""


def is_scanned(shape: MapShape) -> bool:
    """Whether every operation compares all entries."""
    return shape.key_size > LENGTH_BYTES + LEVELS_LIMIT


def lookup_kind(shape: MapShape, rows: ValueRows, whole: bool = False) -> SiteKind:
    """Operands ``data`` (the key behind its length), ``length``, which is at most the prefix limit, and is not there if
    it always is that (``whole``); results ``found``, ``address``. One level a stage, and one to deliver; a scan happens
    while the frame stands in offset 1."""
    trie = Trie.of(shape)
    latency, last = (2, 1) if is_scanned(shape) else (trie.levels + 1, trie.levels)
    operands = (("data", trie.bits), *(() if whole else (("length", trie.length_bits),)))
    results = (("found", 1), ("address", rows.address_bits))
    state = frozenset({"keys"})
    return SiteKind("lookup", operands, results, latency, (0, last), state, frozenset())


def change_kind(shape: MapShape) -> SiteKind:
    """Update or delete, in one so that those that exclude each other become one site: operands ``key``, ``value``,
    ``mode`` (BPF_ANY, BPF_NOEXIST, BPF_EXIST or `DELETE`); result ``error``. It walks through all levels while its
    frame stands in offset 1, and has no tag: no other frame is anywhere in the map then."""
    operands = (("key", 8 * shape.key_size), ("value", 8 * shape.value_size), ("mode", 2))
    state = frozenset({"keys", "values"})
    return SiteKind("change", operands, (("error", ERROR_BITS),), 2, (0, 1), state, state)


class LpmTrie(RowMap):
    type = 11
    name = "lpm_trie"
    summary = (
        "longest matching prefix; a program's update or delete takes two cycles for each bit of a key, and with more "
        "than 256 bits every access takes one for each entry"
    )
    creation_flags = HOST_FLAGS | PROGRAM_FLAGS | BPF_F_NO_PREALLOC
    inserts_move_values = False

    def check(self, shape: MapShape) -> None:
        check_sizes(shape)
        least, most = LENGTH_BYTES + 1, LENGTH_BYTES + PREFIX_LIMIT
        if not least <= shape.key_size <= most:
            raise Refused(
                f"{self.name} {shape.name} has keys of {shape.key_size} bytes, so Linux cannot create it",
                f"give it a key of {least} to {most} bytes: the length of the prefix in 4 bytes, then its bits",
            )
        if not shape.flags & BPF_F_NO_PREALLOC:
            raise Refused(
                f"{self.name} {shape.name} lacks the flag BPF_F_NO_PREALLOC, so Linux cannot create it",
                "give it map_flags BPF_F_NO_PREALLOC",
            )
        check_flags(self, shape)

        def needed(entries: int) -> int:
            trie = Trie.sized(shape.key_size, entries)
            keys = entries * 8 * shape.key_size if is_scanned(shape) else trie.memory_bits
            return ValueRows(entries, shape.value_size, 1).bytes + keys // 8

        check_memory(shape, needed)

    def layout(self, shape: MapShape) -> ValueRows:
        """A place for each entry, whose number is the tag: different keys may find one entry."""
        return by_index(shape)

    def model(self, shape: MapShape) -> LpmModel:
        return LpmModel(shape, self.layout(shape))

    def lower_lookup(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Entry:
        """A key that is longer than the longest prefix finds nothing."""
        rows, trie = self.layout(shape), Trie.of(shape)
        wanted = b.op("slice", 8 * LENGTH_BYTES, key, attr=0)
        prefix = b.op("slice", trie.bits, key, attr=8 * LENGTH_BYTES)
        good = b.op("not", 1, b.op("ult", 1, b.const(trie.bits, 8 * LENGTH_BYTES), wanted))
        whole = wanted is b.const(trie.bits, 8 * LENGTH_BYTES) and not is_scanned(shape)
        length = () if whole else (b.op("slice", trie.length_bits, wanted, attr=0),)
        go = b.op("and", 1, predicate, good)
        site = b.site(shape.name, lookup_kind(shape, rows, whole), go, prefix, *length)
        found, address = b.op("and", 1, good, b.field(site, "found")), b.field(site, "address")
        if shape.max_entries == 1:
            return Entry(found, address, b.const(0, rows.tag_bits))
        return Entry(found, address, b.op("slice", rows.tag_bits, address, attr=rows.row_index_bits))

    def lower_update(self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, flags: Any) -> Any:
        wrong = b.op("ult", 1, b.const(BPF_EXIST, 64), flags)
        return self._change(b, shape, predicate, key, value, b.op("slice", 2, flags, attr=0), wrong)

    def lower_delete(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        value = b.const(0, 8 * shape.value_size)
        return self._change(b, shape, predicate, key, value, b.const(DELETE, 2), b.const(0, 1))

    def _change(
        self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, mode: Any, wrong: Any
    ) -> Any:
        """-EINVAL for a prefix that is too long, and where the flags are ``wrong``."""
        length = b.op("slice", 8 * LENGTH_BYTES, key, attr=0)
        too_long = b.op("ult", 1, b.const(Trie.of(shape).bits, 8 * LENGTH_BYTES), length)
        wrong = b.op("or", 1, wrong, too_long)
        go = b.op("and", 1, predicate, b.op("not", 1, wrong))
        result = b.op("sext", 64, b.field(b.site(shape.name, change_kind(shape), go, key, value, mode), "error"))
        return b.op("mux", 64, wrong, b.const(-EINVAL & ((1 << 64) - 1), 64), result)

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        if kind.name not in ("lookup", "change"):
            return super().evaluate_site(model, kind, operands)
        assert isinstance(model, LpmModel)
        named = operands_by_name(kind, operands)
        if kind.name == "change":
            key, value = (named[n].to_bytes(dict(kind.operands)[n] // 8, "little") for n in ("key", "value"))
            error = model.delete(key) if named["mode"] == DELETE else model.update(key, value, named["mode"])
            return error & ((1 << ERROR_BITS) - 1)
        size = dict(kind.operands)["data"] // 8
        length = named.get("length", 8 * size)
        key = length.to_bytes(LENGTH_BYTES, "little") + named["data"].to_bytes(size, "little")
        handle = model.lookup(key)
        return 0 if handle is None else handle % model.rows.depth << 1 | 1

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> LpmBaseUnit:
        unit = LpmScanUnit if is_scanned(shape) else LpmUnit
        return unit(shape, sites, self.layout(shape), Trie.of(shape))

    def patient_hardware(
        self, shape: MapShape, sites: Sequence[SiteKind], interval: int, cycles: int
    ) -> LpmRangeUnit | None:
        if is_scanned(shape) or not is_applicable(shape, sites, interval):
            return None
        return LpmRangeUnit(shape, sites, self.layout(shape), Trie.of(shape))
