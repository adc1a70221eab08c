"""Per-CPU LRU hash maps (kernel/bpf/hashtab.c): LRU hash maps with a value for each CPU; the hardware has one."""

from __future__ import annotations

from .base import MapShape
from .linux import BPF_F_NUMA_NODE
from .lru_hash import LruHash, LruPercpuModel


class LruPercpuHash(LruHash):
    type = 10
    name = "lru_percpu_hash"
    summary = "an LRU hash map with one value for each CPU, of which the hardware has one"
    creation_flags = LruHash.creation_flags & ~BPF_F_NUMA_NODE
    operations = LruHash.operations | {"lookup_percpu"}

    def model(self, shape: MapShape) -> LruPercpuModel:
        return LruPercpuModel(shape, self.layout(shape))
