"""bpf_get_prandom_u32 (kernel/bpf/core.c): here a fixed function of the frame's number and the call's number.

So that every engine and every run agree. A xorshift round over GF(2) keeps consecutive frames
equidistributed, one addition makes the function nonlinear, and no multiplication keeps it cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import CallLowering, HelperPlugin, Machine, Outcome

U32 = (1 << 32) - 1
INCREMENT = 0x9E3779B9  # 2**32 over the golden ratio
FIRST, SECOND, LAST = (13, 17), 5, 16  # shifts of Marsaglia's xorshift32, and the final one


def mix(frame_index: int, call_number: int) -> int:
    """The 32-bit random number of call ``call_number`` (from 0) while frame ``frame_index`` is processed."""
    x = (frame_index ^ (call_number << 24) ^ INCREMENT) & U32
    x ^= (x << FIRST[0]) & U32
    x ^= x >> FIRST[1]
    x ^= (x << SECOND) & U32
    x = (x + INCREMENT) & U32
    return x ^ (x >> LAST)


class GetPrandomU32(HelperPlugin):
    id = 7
    name = "bpf_get_prandom_u32"
    summary = "a number that depends only on the frame's number and how often the program asked before"
    args = ()

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, U32),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        number = mix(machine.frame_index, machine.random_calls)
        machine.random_calls += 1
        return number

    def lower(self, call: CallLowering) -> Any:
        def left(x: Any, count: int) -> Any:
            kept = call.op("slice", 32 - count, x, attr=0)
            return call.op("concat", 32, call.const(0, count), kept)

        def right(x: Any, count: int) -> Any:
            return call.op("zext", 32, call.op("slice", 32 - count, x, attr=count))

        def xor(x: Any, y: Any) -> Any:
            return call.op("xor", 32, x, y)

        frame = call.op("slice", 32, call.input("frame_index"), attr=0)
        number = call.op("slice", 32, call.call_number(), attr=0)
        x = xor(xor(frame, left(number, 24)), call.const(INCREMENT, 32))
        x = xor(x, left(x, FIRST[0]))
        x = xor(x, right(x, FIRST[1]))
        x = xor(x, left(x, SECOND))
        x = call.op("add", 32, x, call.const(INCREMENT, 32))
        return call.op("zext", 64, xor(x, right(x, LAST)))
