"""bpf_loop (kernel/bpf/bpf_iter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import E2BIG, EINVAL
from .base import Arg, CallingHelper, CallLowering, Machine, Passed
from .words import unsigned

MOST = 1 << 23
"""BPF_MAX_LOOPS."""

U32 = (1 << 32) - 1


class Loop(CallingHelper):
    """Linux replaces calls whose flags are 0 by instructions (inline_bpf_loop), which are what is followed here: they
    compare all 64 bits of nr_loops, and -E2BIG has 32 bits."""

    id = 181
    name = "bpf_loop"
    summary = "call a function nr_loops times, until it returns 1; unrolled"
    args = (Arg.SCALAR, Arg.CALLBACK, Arg.STACK_OR_NULL, Arg.SCALAR)
    passes = (Passed.NUMBER, Passed.ARGUMENT)
    rounds, function, argument, flags = 1, 2, 3, 4
    most_rounds = MOST
    too_many = -E2BIG & U32
    bad_flags = unsigned(-EINVAL)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        if args[3]:
            return self.bad_flags
        if args[0] > MOST:
            return self.too_many
        for index in range(args[0]):
            if machine.call(args[1], index, args[2]):
                return index + 1
        return args[0]

    def enters(self, call: CallLowering, index: int) -> Any:
        few = call.op("ult", 1, call.argument(1), call.const(MOST + 1, 64))
        more = call.op("ult", 1, call.const(index, 64), call.argument(1))
        return call.op("and", 1, self._valid(call), call.op("and", 1, few, more))

    def result(self, call: CallLowering, index: int) -> Any:
        many = call.op("ult", 1, call.const(MOST, 64), call.argument(1))
        number = call.op("mux", 64, many, call.const(self.too_many, 64), call.const(index, 64))
        return call.op("mux", 64, self._valid(call), number, call.const(self.bad_flags, 64))

    @staticmethod
    def _valid(call: CallLowering) -> Any:
        return call.op("eq", 1, call.argument(4), call.const(0, 64))
