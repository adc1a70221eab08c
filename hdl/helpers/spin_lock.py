"""bpf_spin_lock (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Ret


class SpinLock(HelperPlugin):
    """No hardware: frames act one after the other on every entry anyway, whether it has a lock or not."""

    id = 93
    name = "bpf_spin_lock"
    summary = "begin a critical section; costs nothing, since the pipeline keeps frames in order"
    args = (Arg.LOCK,)
    ret = Ret.VOID
    locks = True

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        return 0

    def lower(self, call: CallLowering) -> Any:
        return call.const(0, 64)
