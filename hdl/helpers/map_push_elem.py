"""bpf_map_push_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .words import unsigned


class MapPushElem(HelperPlugin):
    id = 87
    name = "bpf_map_push_elem"
    summary = "add a value, with BPF_EXIST in place of the oldest one if there is no room"
    args = (Arg.MAP, Arg.MAP_VALUE, Arg.SCALAR)
    map_operation = "push"
    writes_map = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-4095, 0),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, model = machine.map_of(args[0])
        return unsigned(model.push(machine.read(args[1], shape.value_size), args[2]))

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        value = call.memory(2, shape.value_size)
        return plugin.lower_push(call, shape, call.predicate, value, call.argument(3))
