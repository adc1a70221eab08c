# amaranth: UnusedElaboratable=no
"""Hash maps (kernel/bpf/hashtab.c). The hardware is described in `hash_unit`, the reference in `hash_model`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .. import delays
from ..errors import Refused
from .base import DELETE, Entry, Lowering, MapModel, MapShape, SiteKind
from .creation import HOST_FLAGS, PROGRAM_FLAGS, check_flags
from .hash_model import HashModel
from .hash_patient_unit import PatientHashUnit, choices, frame_hold
from .hash_unit import HashUnit
from .linux import BPF_EXIST, BPF_F_LOCK, BPF_F_NO_PREALLOC, BPF_F_ZERO_SEED, EINVAL
from .row_map import RowMap, lower_without_lock
from .rows import ValueRows, check_memory, check_sizes, operands_by_name
from .table import Table
from .unit import MapUnit

KEY_LIMIT = 64
"""Bytes of a key at most."""

TAG_BITS = 16
"""Conflict tags: equal for equal keys, and for one in 65536 pairs of others."""

ERROR_BITS = 8
"""Results of update and delete sites: 0 or a negative errno."""

_KEYS, _VALUES, _SPACE = frozenset({"keys"}), frozenset({"values"}), frozenset({"space"})


def table_bytes(shape: MapShape, entries: int) -> int:
    """Bytes of memory for the keys and values of a hash map like ``shape`` with so many entries."""
    table = Table.sized(shape.key_size, shape.value_size, entries)
    return ValueRows(table.slots, shape.value_size, 1).bytes + table.slots * table.slot_bits // 8


@dataclass(frozen=True, slots=True)
class Kinds:
    """The access sites of one hash map.

    All operations on keys fetch their buckets at the end of offset 0, compare in offset 1 and take effect at its
    end. Which of them came first decides who gets the last free slot, whatever the keys: they share the part ``space``.
    """

    shape: MapShape
    rows: ValueRows

    def lookup(self) -> SiteKind:
        """Operands ``key``, ``tag``; results ``found``, ``address``."""
        results = (("found", 1), ("address", self.rows.address_bits))
        return self._kind("lookup", (), results, _KEYS, frozenset())

    def change(self) -> SiteKind:
        """Update or delete, in one so that those that exclude each other become one site: operands ``key``, ``tag``,
        ``value``, ``mode`` (BPF_ANY, BPF_NOEXIST, BPF_EXIST or `DELETE`); result ``error``."""
        operands = (("value", 8 * self.shape.value_size), ("mode", 2))
        state = _KEYS | _VALUES | _SPACE
        return self._kind("change", operands, (("error", ERROR_BITS),), state, state, _VALUES)

    def _kind(
        self,
        name: str,
        operands: tuple[tuple[str, int], ...],
        results: tuple[tuple[str, int], ...],
        reads: frozenset[str],
        writes: frozenset[str],
        stores: frozenset[str] = frozenset(),
    ) -> SiteKind:
        bits = 8 * self.shape.key_size
        return SiteKind(
            name,
            (("key", bits), ("tag", self.rows.tag_bits), *operands),
            results,
            2,
            (1, 1),
            reads,
            writes,
            _SPACE & writes,
            stores,
            delay_in=delays.tree(bits),
        )


class HashMap(RowMap):
    """What all types have in common whose entries are in hash tables: everything but the hardware around these."""

    operations = RowMap.operations | {"for_each"}
    holds_locks = True
    inserts_move_values = False  # an LRU map here takes entries away between frames only
    creation_flags = HOST_FLAGS | PROGRAM_FLAGS | BPF_F_NO_PREALLOC | BPF_F_ZERO_SEED

    def check(self, shape: MapShape) -> None:
        check_sizes(shape)
        check_flags(self, shape)
        if shape.key_size > KEY_LIMIT:
            raise Refused(
                f"hash map {shape.name} has keys of {shape.key_size} bytes; hardware compares up to {KEY_LIMIT}",
                "use a shorter key",
            )
        check_memory(shape, lambda entries: table_bytes(shape, entries))

    def layout(self, shape: MapShape) -> ValueRows:
        """A place for each slot of the tables."""
        return ValueRows(Table.of(shape).slots, shape.value_size, min(TAG_BITS, 8 * shape.key_size))

    def model(self, shape: MapShape) -> HashModel:
        return HashModel(shape, self.layout(shape))

    def lower_lookup(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Entry:
        kinds = Kinds(shape, self.layout(shape))
        tag = self._tag(b, shape, key)
        site = b.site(shape.name, kinds.lookup(), predicate, key, tag)
        return Entry(b.field(site, "found"), b.field(site, "address"), tag)

    def lower_update(self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, flags: Any) -> Any:
        """Flags other than the three modes are -EINVAL before anything else is looked at, and so is BPF_F_LOCK where
        there is no lock."""
        kinds = Kinds(shape, self.layout(shape))
        mode = b.op("slice", 2, flags, attr=0)
        if shape.lock is not None:
            flags = b.op("and", 64, flags, b.const(~BPF_F_LOCK & ((1 << 64) - 1), 64))
            value = lower_without_lock(b, shape, value)
        wrong = b.op("ult", 1, b.const(BPF_EXIST, 64), flags)
        go = b.op("and", 1, predicate, b.op("not", 1, wrong))
        site = b.site(shape.name, kinds.change(), go, key, self._tag(b, shape, key), value, mode)
        result = b.op("sext", 64, b.field(site, "error"))
        return b.op("mux", 64, wrong, b.const(-EINVAL & ((1 << 64) - 1), 64), result)

    def lower_delete(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        kinds = Kinds(shape, self.layout(shape))
        value, mode = b.const(0, 8 * shape.value_size), b.const(DELETE, 2)
        site = b.site(shape.name, kinds.change(), predicate, key, self._tag(b, shape, key), value, mode)
        return b.op("sext", 64, b.field(site, "error"))

    def _tag(self, b: Lowering, shape: MapShape, key: Any) -> Any:
        """The key folded by exclusive or, each 16-bit piece rotated differently: keys that count up in two places
        keep different tags."""
        bits, width = 8 * shape.key_size, self.layout(shape).tag_bits
        tag: Any = None
        for number, low in enumerate(range(0, bits, width)):
            size = min(width, bits - low)
            piece = b.op("slice", size, key, attr=low)
            if size < width:
                piece = b.op("zext", width, piece)
            turn = 5 * number % width
            if turn:
                high = b.op("slice", turn, piece, attr=width - turn)
                piece = b.op("concat", width, high, b.op("slice", width - turn, piece, attr=0))
            tag = piece if tag is None else b.op("xor", width, tag, piece)
        return tag

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        assert isinstance(model, HashModel)
        named = operands_by_name(kind, operands)
        widths = dict(kind.operands)
        if "key" in named:
            key = named["key"].to_bytes(widths["key"] // 8, "little")
            if kind.name == "lookup":
                handle = model.lookup(key)
                return 0 if handle is None else handle << 1 | 1
            if named["mode"] == DELETE:
                return model.delete(key) & ((1 << ERROR_BITS) - 1)
            value = named["value"].to_bytes(widths["value"] // 8, "little")
            return model.update(key, value, named["mode"]) & ((1 << ERROR_BITS) - 1)
        return super().evaluate_site(model, kind, operands)


class Hash(HashMap):
    type = 1
    name = "hash"
    summary = "any keys, inserted and deleted by program and host"

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> HashUnit:
        return HashUnit(shape, sites, self.layout(shape), Table.of(shape))

    def patient_hardware(
        self, shape: MapShape, sites: Sequence[SiteKind], interval: int, cycles: int
    ) -> MapUnit | None:
        for table, rows, row_slots in choices(Table.patient(shape), self.layout(shape), interval):
            if frame_hold(sites, rows, table, row_slots) <= cycles:
                return PatientHashUnit(shape, sites, rows, table, row_slots)
        return None
