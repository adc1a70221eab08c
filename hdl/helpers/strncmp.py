"""bpf_strncmp (kernel/bpf/helpers.c): strncmp of memory with a constant string."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .words import U64, unsigned

U32 = (1 << 32) - 1


class Strncmp(HelperPlugin):
    """The result is -1, 0 or 1, as of lib/string.c. Bytes are unsigned; those behind the memory's first NUL, and behind
    its size, do not count."""

    id = 182
    name = "bpf_strncmp"
    summary = "compare a string with one in read-only data"
    args = (Arg.MEM, Arg.SIZE, Arg.CONST_STRING)
    frame_access = False

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-1, 1),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        for i in range(args[1] & U32):
            (a,), (b,) = machine.read(args[0] + i, 1), machine.read(args[2] + i, 1)
            if a != b:
                return unsigned(-1 if a < b else 1)
            if not a:
                break
        return 0

    def lower(self, call: CallLowering) -> Any:
        text = call.string(3) + b"\0"  # equal bytes in front of this one are not NUL
        count = min(call.maximum(2), len(text))
        memory = call.memory(1, call.maximum(2))
        size = None if call.constant_argument(2) is not None else call.op("slice", 32, call.argument(2), attr=0)
        minus_one, zero, one = (call.const(value & U64, 64) for value in (-1, 0, 1))
        result = zero
        for i in reversed(range(count)):
            a, b = call.op("slice", 8, memory, attr=8 * i), call.const(text[i], 8)
            unequal = call.op("mux", 64, call.op("ult", 1, a, b), minus_one, one)
            result = call.op("mux", 64, call.op("eq", 1, a, b), result, unequal)
            if size is not None:
                inside = call.op("ult", 1, call.const(i, 32), size)
                result = call.op("mux", 64, inside, result, zero)
        return result
