"""Flags with which maps are created (``map_flags``): each type has those that Linux creates it with.

What they mean in hardware: BPF_F_NO_PREALLOC is how the reference takes memory (`hash_model`), BPF_F_INNER_MAP and
BPF_F_RDONLY_PROG are what verification goes by. BPF_F_NUMA_NODE, BPF_F_NO_COMMON_LRU, BPF_F_ZERO_SEED, BPF_F_MMAPABLE
and BPF_F_PRESERVE_ELEMS change no result of a program, and BPF_F_RDONLY and BPF_F_WRONLY are about file descriptors,
which the host of the hardware does not have: they have no effect. BPF_F_WRONLY_PROG is refused.
"""

from __future__ import annotations

from ..errors import Refused
from .base import MapPlugin, MapShape
from .linux import (
    BPF_F_NO_COMMON_LRU,
    BPF_F_NUMA_NODE,
    BPF_F_RDONLY,
    BPF_F_RDONLY_PROG,
    BPF_F_WRONLY,
    BPF_F_WRONLY_PROG,
    MAP_FLAG_NAMES,
)

HOST_FLAGS = BPF_F_NUMA_NODE | BPF_F_RDONLY | BPF_F_WRONLY
"""With which Linux creates most maps: where they lie, and what the host may do."""

PROGRAM_FLAGS = BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG
"""What programs may do."""

_EXCLUSIVE = (
    BPF_F_RDONLY | BPF_F_WRONLY,
    BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG,
    BPF_F_NO_COMMON_LRU | BPF_F_NUMA_NODE,
)


def _named(flags: int) -> str:
    bits = [1 << bit for bit in range(flags.bit_length()) if flags >> bit & 1]
    return " and ".join(MAP_FLAG_NAMES.get(bit, f"0x{bit:x}") for bit in bits)


def check_flags(plugin: MapPlugin, shape: MapShape) -> None:
    """Refuse flags that Linux does not create such a map with, alone or together, and BPF_F_WRONLY_PROG."""
    its_map, flags = f"{plugin.name} {shape.name}", shape.flags
    if wrong := flags & ~plugin.creation_flags:
        raise Refused(f"{its_map} has the flag {_named(wrong)}, so Linux cannot create it", "drop it from map_flags")
    for both in _EXCLUSIVE:
        if flags & both == both:
            raise Refused(
                f"{its_map} has both {_named(both)}, so Linux cannot create it", "drop one of them from map_flags"
            )
    if flags & BPF_F_WRONLY_PROG:
        raise Refused(
            f"{its_map} has the flag BPF_F_WRONLY_PROG: hardware has no maps that programs cannot read",
            "drop it from map_flags; a program that Linux takes with it does the same without it",
        )
