"""What maps with an index for a key have in common that the host alone changes: redirect maps, arrays of programs.

A slot holds a value of one row; there is an entry if the value's first 32 bits are not zero.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal, Value

from ..errors import Refused
from .base import Entry, Lowering, MapPlugin, MapShape, SiteKind
from .creation import HOST_FLAGS, check_flags
from .row_map import RowMap, RowModel, by_index
from .row_memory import serve_sites
from .rows import ValueRows, check_memory, check_sizes
from .unit import HostOp, MapUnit

WORD = 32


def first_word(value: bytes | bytearray) -> int:
    """What makes an entry be there."""
    return int.from_bytes(value[:4], "little")


def check_creatable(plugin: MapPlugin, shape: MapShape, value_sizes: tuple[int, ...]) -> None:
    """Refuse what Linux cannot create: with other sizes than a key of 4 bytes and one of ``value_sizes``, or with other
    flags than its own."""
    check_sizes(shape)
    if shape.key_size != 4 or shape.value_size not in value_sizes:
        sizes = " or ".join(map(str, value_sizes))
        raise Refused(
            f"{plugin.name} {shape.name} has keys of {shape.key_size} and values of {shape.value_size} bytes, "
            "so Linux cannot create it",
            f"give it a key of 4 and a value of {sizes} bytes",
        )
    check_flags(plugin, shape)


class SlotModel(RowModel):
    """Handles are indexes; subclasses say what the host may do (`update`, `delete`)."""

    def __init__(self, shape: MapShape) -> None:
        super().__init__(by_index(shape))
        self._values = [bytearray(shape.value_size) for _ in range(shape.max_entries)]

    def lookup(self, key: bytes) -> int | None:
        index = int.from_bytes(key, "little")
        return index if index < len(self._values) and first_word(self._values[index]) else None

    def value(self, handle: int) -> bytearray:
        return self._values[handle]

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        for index, value in enumerate(self._values):
            if first_word(value):
                yield index.to_bytes(4, "little"), bytes(value)


class SlotMap(RowMap):
    """The geometry, and how a program reads a slot."""

    values_writable = False
    value_sizes: tuple[int, ...] = (4,)
    creation_flags = HOST_FLAGS

    def check(self, shape: MapShape) -> None:
        check_creatable(self, shape, self.value_sizes)
        check_memory(shape, lambda entries: ValueRows(entries, shape.value_size, 1).bytes)

    def layout(self, shape: MapShape) -> ValueRows:
        return by_index(shape)

    def read_slot(self, b: Lowering, shape: MapShape, predicate: Any, index: Any) -> tuple[Entry, Any]:
        """An entry, and its value's first word as it was read to see whether the entry is there."""
        rows = self.layout(shape)
        inside = b.op("ult", 1, index, b.const(shape.max_entries, 32))
        address = b.op("slice", rows.address_bits, index, attr=0)
        site = b.site(shape.name, rows.read_kind(), predicate, address, address)
        word = b.op("slice", WORD, b.field(site, "row"), attr=0)
        there = b.op("not", 1, b.op("eq", 1, word, b.const(0, WORD)))
        return Entry(b.op("and", 1, inside, there), address, address), word

    def lower_lookup(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Entry:
        return self.read_slot(b, shape, predicate, key)[0]

    def lower_update(self, b: Lowering, shape: MapShape, predicate: Any, key: Any, value: Any, flags: Any) -> Any:
        raise NotImplementedError  # not among the operations

    def lower_delete(self, b: Lowering, shape: MapShape, predicate: Any, key: Any) -> Any:
        raise NotImplementedError  # not among the operations


Checks = Mapping[HostOp, Sequence[tuple[Any, int]]]
"""Operation of the host -> conditions with the errno that they give; of those that hold the last one counts."""


class SlotUnit(MapUnit):
    """Sites are ``read`` only. ``first``: index -> first word of the slot's value after reset.

    The host's operations look at the entry first, so all take the same few cycles.
    """

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], first: Mapping[int, int] | None = None) -> None:
        self._rows = by_index(shape)
        self._first = first or {}
        super().__init__(shape, kinds)

    @abstractmethod
    def checks(self, index: Value, outside: Value, there: Value) -> Checks:
        """What bpf(2) answers, by ``host`` and whether ``index`` is ``outside`` of the map and its entry ``there``."""

    def elaborate(self, platform: object) -> Module:
        m = Module()
        host = self.host
        init = [self._first.get(index, 0) for index in range(max(self._first, default=-1) + 1)]
        own = serve_sites(m, self, self._rows, init)
        index, status = Signal(32), Signal(32)
        m.d.comb += [
            index.eq(Mux(host.op == HostOp.ENTRY, host.index, host.key)),
            own.fetch_address.eq(index),
            own.store_address.eq(index),
            own.row.eq(Mux(host.op == HostOp.UPDATE, host.value[:WORD], 0)),
        ]
        with m.Switch(host.op):
            for op, conditions in self.checks(index, index >= self.shape.max_entries, own.fetched[:WORD].any()).items():
                with m.Case(op):
                    for condition, errno in conditions:
                        with m.If(condition):
                            m.d.comb += status.eq(-errno)
        changes = (host.op == HostOp.UPDATE) | (host.op == HostOp.DELETE)
        with m.If(self.host_turn(m)):
            m.d.sync += [host.status.eq(status), host.result_key.eq(index), host.result_value.eq(own.fetched)]
            with m.If(changes & (status == 0)):
                m.d.comb += own.store.eq(~0)
        return m
