"""bpf_map_pop_elem (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import ENOENT
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .words import unsigned


class MapPopElem(HelperPlugin):
    """The value is zero if there is none."""

    id = 88
    name = "bpf_map_pop_elem"
    summary = "take the next value away"
    args = (Arg.MAP, Arg.OUT_VALUE)
    frame_access = False
    map_operation = "pop"
    writes_map = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0, fills=True), Outcome(-ENOENT, -ENOENT, fills=True))

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, model = machine.map_of(args[0])
        found = model.pop()
        machine.write(args[1], bytes(shape.value_size) if found is None else found)
        return unsigned(-ENOENT) if found is None else 0

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        front = plugin.lower_pop(call, shape, call.predicate)
        call.store_memory(2, front.value, [call.const(1, 1)] * shape.value_size)
        return front.result
