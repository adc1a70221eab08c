"""Numbers one after the other: libbpf's bpf_for and bpf_repeat (kernel/bpf/bpf_iter.c).

struct bpf_iter_num is in the kernel two signed 32-bit numbers: the one given out last, and the end, which is not given
out. Both are 0 after an error and behind the last number. A pointer to a number is one to the first of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..helpers.base import CallLowering, Machine
from ..helpers.words import signed
from ..maps.linux import E2BIG, EINVAL
from .base import Act, KernelFunction

BYTES = 8
"""sizeof(struct bpf_iter_num), which is its alignment as well."""

ELEMENT_BYTES = 4

MOST = 1 << 23
"""BPF_MAX_LOOPS."""

U32 = (1 << 32) - 1
BACKWARDS = -EINVAL & U32
"""The result where the start is behind the end: a C int, whose upper half in a register is zero."""

TOO_MANY = -E2BIG & U32
"""The result where there are more than `MOST` numbers."""


def _store(machine: Machine, iterator: int, last: int, end: int) -> None:
    machine.write(iterator, (last & U32).to_bytes(4, "little") + (end & U32).to_bytes(4, "little"))


class IterNumNew(KernelFunction):
    """Begins with ``start``."""

    name = "bpf_iter_num_new"
    summary = "count from start to end - 1 (bpf_for, bpf_repeat); unrolled"
    arguments = ("an uninitialised struct bpf_iter_num on the stack", "start", "end")
    act = Act.NEW

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        start, end = signed(args[1], 32), signed(args[2], 32)
        error = BACKWARDS if start > end else TOO_MANY if end - start > MOST else 0
        if error:
            _store(machine, args[0], 0, 0)
        else:
            _store(machine, args[0], start - 1, end)
        return error

    def lower(self, call: CallLowering) -> Any:
        start, end = (call.op("slice", 32, call.argument(n), attr=0) for n in (2, 3))
        backwards = call.op("slt", 1, end, start)
        many = call.op("ult", 1, call.const(MOST, 32), call.op("sub", 32, end, start))
        last = call.op("sub", 32, start, call.const(1, 32))
        error = call.op(
            "mux",
            64,
            backwards,
            call.const(BACKWARDS, 64),
            call.op("mux", 64, many, call.const(TOO_MANY, 64), call.const(0, 64)),
        )
        fine = call.op("not", 1, call.op("or", 1, backwards, many))
        _lower_store(call, fine, last, end)
        return error


class IterNumNext(KernelFunction):
    """Gives a pointer to the next number, NULL behind the last."""

    name = "bpf_iter_num_next"
    summary = "a pointer to the next number, or NULL"
    arguments = ("the struct bpf_iter_num",)
    act = Act.NEXT

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        state = machine.read(args[0], BYTES)
        following = signed(int.from_bytes(state[:4], "little") + 1, 32)
        end = signed(int.from_bytes(state[4:], "little"), 32)
        if following >= end:
            _store(machine, args[0], 0, 0)
            return 0
        _store(machine, args[0], following, end)
        return args[0]

    def lower(self, call: CallLowering) -> Any:
        state = call.memory(1, BYTES)
        last, end = (call.op("slice", 32, state, attr=low) for low in (0, 32))
        following = call.op("add", 32, last, call.const(1, 32))
        more = call.op("slt", 1, following, end)
        _lower_store(call, more, following, end)
        return more


class IterNumDestroy(KernelFunction):
    """The iterator's stack is free again."""

    name = "bpf_iter_num_destroy"
    summary = "end it; required on every path"
    arguments = ("the struct bpf_iter_num",)
    act = Act.DESTROY

    def reference(self, machine: Machine, args: Sequence[int]) -> None:
        _store(machine, args[0], 0, 0)

    def lower(self, call: CallLowering) -> None:
        _lower_store(call, call.const(0, 1), call.const(0, 32), call.const(0, 32))


def _lower_store(call: CallLowering, holds: Any, last: Any, end: Any) -> None:
    """Both numbers where a condition holds, else zeros."""
    state = call.op("mux", 64, holds, call.op("concat", 64, last, end), call.const(0, 64))
    call.store_memory(1, state, [call.const(1, 1)] * BYTES)
