"""Per-CPU hash maps (kernel/bpf/hashtab.c): hash maps with a value for each CPU, of which the hardware has one."""

from __future__ import annotations

from .base import MapShape
from .hash import Hash
from .hash_model import HashModel
from .linux import BPF_EXIST, BPF_F_NUMA_NODE, BPF_NOEXIST, EEXIST, EINVAL
from .rows import ValueRows


class PercpuHashModel(HashModel):
    """An update of a key that is present writes the value in place (__htab_percpu_map_update_elem), so a pointer from
    before sees it, and no element is spare."""

    def __init__(self, shape: MapShape, rows: ValueRows) -> None:
        super().__init__(shape, rows)
        self._spare = None
        self._memory.clear()

    def update(self, key: bytes, value: bytes, flags: int) -> int:
        if flags > BPF_EXIST:
            return -EINVAL
        handle = self.lookup(key)
        if handle is None:
            return super().update(key, value, flags)
        if flags == BPF_NOEXIST:
            return -EEXIST
        self.value(handle)[:] = value
        return 0


class PercpuHash(Hash):
    type = 5
    name = "percpu_hash"
    summary = "a hash map with one value for each CPU, of which the hardware has one"
    creation_flags = Hash.creation_flags & ~BPF_F_NUMA_NODE
    holds_locks = False
    operations = Hash.operations | {"lookup_percpu"}

    def model(self, shape: MapShape) -> PercpuHashModel:
        return PercpuHashModel(shape, self.layout(shape))
