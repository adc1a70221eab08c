"""Per-CPU array maps (kernel/bpf/arraymap.c). The hardware is one CPU, so the program sees a plain array."""

from __future__ import annotations

from .array import Array


class PercpuArray(Array):
    type = 6
    name = "percpu_array"
    summary = "an array with one copy for each CPU, of which the hardware has one"
