"""bpf_map_lookup_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.slots import first_word
from .base import Arg, CallLowering, HelperPlugin, Machine, Ret


class MapLookupElem(HelperPlugin):
    id = 1
    name = "bpf_map_lookup_elem"
    summary = "find the value of a key, which is read and written in place; or the map, in a map of maps"
    args = (Arg.MAP, Arg.MAP_KEY)
    map_operation = "lookup"
    ret = Ret.MAP_VALUE_OR_NULL

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, plugin, model = machine.map_of(args[0])
        handle = model.lookup(machine.read(args[1], shape.key_size))
        if handle is None:
            return 0
        if plugin.holds_maps:
            return machine.inner_map(shape, first_word(model.value(handle)))
        return machine.value_address(shape, handle)

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        lower = plugin.lower_map if plugin.holds_maps else plugin.lower_lookup
        return lower(call, shape, call.predicate, call.memory(2, shape.key_size))
