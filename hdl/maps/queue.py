# amaranth: UnusedElaboratable=no
"""Queues (kernel/bpf/queue_stack_maps.c): values in the order in which they came."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Front, Lowering, MapModel, MapPlugin, MapShape, SiteKind
from .creation import HOST_FLAGS, PROGRAM_FLAGS, check_flags
from .linux import BPF_EXIST, EINVAL, ENOENT
from .queue_model import QueueModel
from .queue_unit import QueueUnit
from .rows import check_memory, check_sizes_without_key, operands_by_name

VALUE_LIMIT = 256
"""Bytes of a value at most, which is one word of the memory."""

ERROR_BITS = 8

_STATE = frozenset({"queue"})
U64 = (1 << 64) - 1


def push_kind(shape: MapShape) -> SiteKind:
    """Operands ``value``, ``replace`` (make room in a full map); result ``error``."""
    operands = (("value", 8 * shape.value_size), ("replace", 1))
    return SiteKind("push", operands, (("error", ERROR_BITS),), 1, (0, 0), _STATE, _STATE, _STATE)


def front_kind(shape: MapShape, name: str) -> SiteKind:
    """``pop`` or ``peek``; results ``there``, ``value``."""
    results = (("there", 1), ("value", 8 * shape.value_size))
    writes = _STATE if name == "pop" else frozenset[str]()
    return SiteKind(name, (), results, 1, (0, 0), _STATE, writes, _STATE)


class Queue(MapPlugin):
    type = 22
    name = "queue"
    summary = "values in the order in which they were pushed, by program and host"
    creation_flags = HOST_FLAGS | PROGRAM_FLAGS
    operations = frozenset({"push", "pop", "peek"})
    newest_first = False

    def check(self, shape: MapShape) -> None:
        check_sizes_without_key(shape, VALUE_LIMIT)
        check_flags(self, shape)
        check_memory(shape, lambda entries: entries * shape.value_size)

    def model(self, shape: MapShape) -> QueueModel:
        return QueueModel(shape, self.newest_first)

    def lower_push(self, b: Lowering, shape: MapShape, predicate: Any, value: Any, flags: Any) -> Any:
        """Flags other than none and BPF_EXIST are -EINVAL before anything else is looked at."""
        known = b.op("eq", 1, b.op("and", 64, flags, b.const(U64 ^ BPF_EXIST, 64)), b.const(0, 64))
        go = b.op("and", 1, predicate, known)
        replace = b.op("slice", 1, flags, attr=BPF_EXIST.bit_length() - 1)
        site = b.site(shape.name, push_kind(shape), go, value, replace)
        return b.op("mux", 64, known, b.op("sext", 64, b.field(site, "error")), b.const(-EINVAL & U64, 64))

    def lower_pop(self, b: Lowering, shape: MapShape, predicate: Any) -> Front:
        return self._front(b, shape, predicate, "pop")

    def lower_peek(self, b: Lowering, shape: MapShape, predicate: Any, value: Any) -> Front:
        return self._front(b, shape, predicate, "peek")

    def _front(self, b: Lowering, shape: MapShape, predicate: Any, name: str) -> Front:
        """Without a value Linux gives zeros."""
        bits = 8 * shape.value_size
        site = b.site(shape.name, front_kind(shape, name), predicate)
        there = b.field(site, "there")
        return Front(
            b.op("mux", 64, there, b.const(0, 64), b.const(-ENOENT & U64, 64)),
            b.op("mux", bits, there, b.field(site, "value"), b.const(0, bits)),
        )

    def evaluate_site(self, model: MapModel, kind: SiteKind, operands: Sequence[int]) -> int:
        if kind.name == "push":
            named = operands_by_name(kind, operands)
            value = named["value"].to_bytes(dict(kind.operands)["value"] // 8, "little")
            return model.push(value, BPF_EXIST if named["replace"] else 0) & ((1 << ERROR_BITS) - 1)
        found = model.pop() if kind.name == "pop" else model.peek(b"")
        return 0 if found is None else int.from_bytes(found, "little") << 1 | 1

    def hardware(self, shape: MapShape, sites: Sequence[SiteKind]) -> QueueUnit:
        return QueueUnit(shape, sites, self.newest_first)
