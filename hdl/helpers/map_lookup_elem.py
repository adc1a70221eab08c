"""bpf_map_lookup_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Ret


class MapLookupElem(HelperPlugin):
    id = 1
    name = "bpf_map_lookup_elem"
    summary = "find the value of a key; the value is read and written in place"
    args = (Arg.MAP, Arg.MAP_KEY)
    map_operation = "lookup"
    ret = Ret.MAP_VALUE_OR_NULL

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, model = machine.map_of(args[0])
        handle = model.lookup(machine.read(args[1], shape.key_size))
        return 0 if handle is None else machine.value_address(shape, handle)

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        return plugin.lower_lookup(call, shape, call.predicate, call.memory(2, shape.key_size))
