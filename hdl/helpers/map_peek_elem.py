"""bpf_map_peek_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import ENOENT
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .words import unsigned


class MapPeekElem(HelperPlugin):
    """The value is zero if there is none. A type that `peeks_for_value` gets one instead."""

    id = 89
    name = "bpf_map_peek_elem"
    summary = "get the next value, or ask a bloom filter for a value"
    args = (Arg.MAP, Arg.OUT_VALUE)
    frame_access = False
    map_operation = "peek"

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0, fills=True), Outcome(-ENOENT, -ENOENT, fills=True))

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, plugin, model = machine.map_of(args[0])
        asked = machine.read(args[1], shape.value_size) if plugin.peeks_for_value else b""
        found = model.peek(asked)
        if not plugin.peeks_for_value:
            machine.write(args[1], bytes(shape.value_size) if found is None else found)
        return unsigned(-ENOENT) if found is None else 0

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        asked = call.memory(2, shape.value_size) if plugin.peeks_for_value else None
        front = plugin.lower_peek(call, shape, call.predicate, asked)
        if not plugin.peeks_for_value:
            call.store_memory(2, front.value, [call.const(1, 1)] * shape.value_size)
        return front.result
