"""Per-CPU arrays (kernel/bpf/arraymap.c): for the hardware, which is one CPU, an array."""

from __future__ import annotations

from .array import Array


class PercpuArray(Array):
    type = 6
    name = "percpu_array"
    summary = "an array with one copy for each CPU, of which the hardware has one"
    holds_locks = False
    operations = Array.operations | {"lookup_percpu"}
