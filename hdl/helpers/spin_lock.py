"""bpf_spin_lock (kernel/bpf/helpers.c)."""

from __future__ import annotations

from .critical_section import CriticalSection


class SpinLock(CriticalSection):
    id = 93
    name = "bpf_spin_lock"
    summary = "begin a critical section; costs nothing, since the pipeline keeps frames in order"
    locks = True
