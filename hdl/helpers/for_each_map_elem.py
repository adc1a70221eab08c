"""bpf_for_each_map_elem (kernel/bpf/bpf_iter.c), over arrays (bpf_for_each_array_elem in kernel/bpf/arraymap.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EINVAL
from .base import Arg, CallingHelper, CallLowering, Machine, Passed
from .words import unsigned


class ForEachMapElem(CallingHelper):
    """The entries of an array, one after the other."""

    id = 164
    name = "bpf_for_each_map_elem"
    summary = "call a function for each entry of an array, until it returns 1; unrolled"
    args = (Arg.MAP, Arg.CALLBACK, Arg.STACK_OR_NULL, Arg.SCALAR)
    map_operation = "for_each"
    passes = (Passed.MAP, Passed.KEY, Passed.VALUE, Passed.ARGUMENT)
    function, argument, flags = 2, 3, 4
    bad_flags = unsigned(-EINVAL)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        if args[3]:
            return self.bad_flags
        shape, _, model = machine.map_of(args[0])
        for index in range(shape.max_entries):
            key = index.to_bytes(shape.key_size, "little")
            handle = model.lookup(key)
            assert handle is not None, "an array has all its entries"
            lent = machine.lend_key(key)
            if machine.call(args[1], args[0], lent, machine.value_address(shape, handle), args[2]):
                return index + 1
        return shape.max_entries

    def enters(self, call: CallLowering, index: int) -> Any:
        shape, _ = call.map_argument()
        return self._valid(call) if index < shape.max_entries else call.const(0, 1)

    def result(self, call: CallLowering, index: int) -> Any:
        return call.op("mux", 64, self._valid(call), call.const(index, 64), call.const(self.bad_flags, 64))

    @staticmethod
    def _valid(call: CallLowering) -> Any:
        return call.op("eq", 1, call.argument(4), call.const(0, 64))
