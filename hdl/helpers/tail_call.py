"""bpf_tail_call (kernel/bpf/core.c, JMP_TAIL_CALL)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Ret

U32 = (1 << 32) - 1


class TailCall(HelperPlugin):
    """The index is an unsigned 32-bit number. Without a program at it, execution goes on behind the call."""

    id = 12
    name = "bpf_tail_call"
    summary = "go on with another program of the object; all that a slot can hold are built into the pipeline"
    args = (Arg.CTX, Arg.MAP, Arg.SCALAR)
    map_operation = "tail_call"
    ret = Ret.NEXT_PROGRAM
    limit = 33  # MAX_TAIL_CALL_CNT

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        return machine.map_of(args[1])[2].program(args[2] & U32)

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        return plugin.lower_program(call, shape, call.predicate, call.op("slice", 32, call.argument(3), attr=0))
