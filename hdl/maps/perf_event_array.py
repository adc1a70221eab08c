"""Perf event arrays (kernel/bpf/arraymap.c): a buffer of records for each CPU."""

from __future__ import annotations

from .base import MapShape
from .buffer import Buffer
from .creation import HOST_FLAGS
from .linux import BPF_F_PRESERVE_ELEMS
from .slots import check_creatable


class PerfEventArray(Buffer):
    """The hardware is one CPU, number 0, for which the host has a buffer; other entries are empty."""

    type = 4
    name = "perf_event_array"
    summary = "records for the host, made by `bpf_perf_event_output`; they leave as events"
    creation_flags = HOST_FLAGS | BPF_F_PRESERVE_ELEMS
    operations = frozenset({"perf_event"})

    def check(self, shape: MapShape) -> None:
        check_creatable(self, shape, (4,))
