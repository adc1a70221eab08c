"""bpf_spin_unlock (kernel/bpf/helpers.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Ret


class SpinUnlock(HelperPlugin):
    """No hardware: frames act one after the other on every entry anyway, whether it has a lock or not."""

    id = 94
    name = "bpf_spin_unlock"
    summary = "end a critical section; costs nothing, since the pipeline keeps frames in order"
    args = (Arg.LOCK,)
    ret = Ret.VOID
    unlocks = True

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        return 0

    def lower(self, call: CallLowering) -> Any:
        return call.const(0, 64)
