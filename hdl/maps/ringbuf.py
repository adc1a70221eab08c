"""Ring buffers (kernel/bpf/ringbuf.c): records for the host, in the order in which they were reserved."""

from __future__ import annotations

from ..errors import Refused
from .base import MapShape
from .buffer import Buffer
from .creation import check_flags
from .linux import BPF_F_NUMA_NODE

PAGE_BYTES = 4096
HEADER_BYTES = 8


def record_bytes(size: int) -> int:
    """What a record of ``size`` bytes takes in the ring: with its header, a multiple of 8 bytes."""
    return -(-(size + HEADER_BYTES) // 8) * 8


def has_room(shape: MapShape, used: int, size: int) -> bool:
    """Whether a record fits, with ``used`` bytes taken that the host has not read yet (__bpf_ringbuf_reserve): producer
    and consumer are never a whole ring apart."""
    return used + record_bytes(size) < shape.max_entries


class Ringbuf(Buffer):
    type = 27
    name = "ringbuf"
    summary = "records for the host; they leave as events, in the order in which they were reserved"
    creation_flags = BPF_F_NUMA_NODE
    operations = frozenset({"ringbuf"})

    def check(self, shape: MapShape) -> None:
        check_flags(self, shape)
        size = shape.max_entries
        if shape.key_size or shape.value_size:
            raise Refused(
                f"ringbuf {shape.name} has keys of {shape.key_size} and values of {shape.value_size} bytes, "
                "so Linux cannot create it",
                "leave key and value out of its definition",
            )
        if size < PAGE_BYTES or size & (size - 1):
            raise Refused(
                f"ringbuf {shape.name} has {size} bytes, so Linux cannot create it",
                f"give it a power of two, at least {PAGE_BYTES}",
            )
