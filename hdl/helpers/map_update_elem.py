"""bpf_map_update_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import BPF_NOEXIST
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .words import unsigned


class MapUpdateElem(HelperPlugin):
    id = 2
    name = "bpf_map_update_elem"
    summary = "insert or replace an entry, with BPF_ANY, BPF_NOEXIST or BPF_EXIST"
    args = (Arg.MAP, Arg.MAP_KEY, Arg.MAP_VALUE, Arg.SCALAR)
    map_operation = "update"
    writes_map = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-4095, 0),)

    def only_inserts(self, call: CallLowering) -> bool:
        return call.constant_argument(4) == BPF_NOEXIST

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, model = machine.map_of(args[0])
        key = machine.read(args[1], shape.key_size)
        value = machine.read(args[2], shape.value_size)
        return unsigned(model.update(key, value, args[3]))

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        key = call.memory(2, shape.key_size)
        value = call.memory(3, shape.value_size)
        call.flush_map()
        return plugin.lower_update(call, shape, call.predicate, key, value, call.argument(4))
