"""Per-CPU arrays (kernel/bpf/arraymap.c): for the hardware, which is one CPU, an array."""

from __future__ import annotations

from .array import Array
from .creation import HOST_FLAGS, PROGRAM_FLAGS
from .linux import BPF_F_NUMA_NODE


class PercpuArray(Array):
    type = 6
    name = "percpu_array"
    summary = "an array with one copy for each CPU, of which the hardware has one"
    creation_flags = HOST_FLAGS & ~BPF_F_NUMA_NODE | PROGRAM_FLAGS
    holds_locks = False
    operations = Array.operations | {"lookup_percpu"}
