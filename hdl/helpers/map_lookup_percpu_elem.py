"""bpf_map_lookup_percpu_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.base import Entry
from .base import Arg, CallLowering, HelperPlugin, Machine, Ret


class MapLookupPercpuElem(HelperPlugin):
    """The hardware is one CPU: numbers other than 0 are those of CPUs that are not possible, so the result is NULL."""

    id = 195
    name = "bpf_map_lookup_percpu_elem"
    summary = "find a CPU's value of a key; the hardware has CPU 0 only"
    args = (Arg.MAP, Arg.MAP_KEY, Arg.SCALAR)
    map_operation = "lookup_percpu"
    ret = Ret.MAP_VALUE_OR_NULL

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, model = machine.map_of(args[0])
        if args[2] & 0xFFFFFFFF:
            return 0
        handle = model.lookup(machine.read(args[1], shape.key_size))
        return 0 if handle is None else machine.value_address(shape, handle)

    def lower(self, call: CallLowering) -> Entry:
        shape, plugin = call.map_argument()
        cpu = call.op("slice", 32, call.argument(3), attr=0)
        ours = call.op("eq", 1, cpu, call.const(0, 32))
        wanted: Any = call.op("and", 1, call.predicate, ours)
        entry = plugin.lower_lookup(call, shape, wanted, call.memory(2, shape.key_size))
        return Entry(call.op("and", 1, entry.found, ours), entry.address, entry.tag)
