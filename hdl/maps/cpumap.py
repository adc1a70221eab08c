"""CPU maps (kernel/bpf/cpumap.c): the key is the CPU to which a frame is handed on."""

from __future__ import annotations

from typing import Any

from .base import RedirectTarget
from .index_map import IndexMap
from .index_model import IndexRules
from .linux import BPF_F_NUMA_NODE, EOVERFLOW


class Cpumap(IndexMap):
    """The value is the length of the CPU's queue, 0 deletes the entry. All CPUs up to the map's size are possible."""

    type = 16
    name = "cpumap"
    summary = "CPUs of the host to redirect to; filled by the host; the target is the CPU, which is the key"
    operations = frozenset({"redirect"})
    redirects_to = RedirectTarget.CPU
    creation_flags = BPF_F_NUMA_NODE
    rules = IndexRules(most=16384, over=EOVERFLOW)

    def reference_target(self, index: int, value: bytes | bytearray) -> int:
        return index

    def lower_target(self, index: Any, word: Any) -> Any:
        return index
