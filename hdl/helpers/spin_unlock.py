"""bpf_spin_unlock (kernel/bpf/helpers.c)."""

from __future__ import annotations

from .critical_section import CriticalSection


class SpinUnlock(CriticalSection):
    id = 94
    name = "bpf_spin_unlock"
    summary = "end a critical section; costs nothing, since the pipeline keeps frames in order"
    unlocks = True
