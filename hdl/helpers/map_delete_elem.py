"""bpf_map_delete_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .words import unsigned


class MapDeleteElem(HelperPlugin):
    id = 3
    name = "bpf_map_delete_elem"
    summary = "remove an entry"
    args = (Arg.MAP, Arg.MAP_KEY)
    map_operation = "delete"
    writes_map = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-4095, 0),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, model = machine.map_of(args[0])
        return unsigned(model.delete(machine.read(args[1], shape.key_size)))

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        key = call.memory(2, shape.key_size)
        call.flush_map()
        return plugin.lower_delete(call, shape, call.predicate, key)
