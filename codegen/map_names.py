"""Names of the kernel's map types by number (enum bpf_map_type), as bpftool prints them.

Only for listings and messages; what a map type does is declared in `hdl.maps`.
"""

from __future__ import annotations

_NAMES = """
unspec hash array prog_array perf_event_array percpu_hash percpu_array stack_trace cgroup_array lru_hash
lru_percpu_hash lpm_trie array_of_maps hash_of_maps devmap sockmap cpumap xskmap sockhash cgroup_storage
reuseport_sockarray percpu_cgroup_storage queue stack sk_storage devmap_hash struct_ops ringbuf inode_storage
task_storage bloom_filter user_ringbuf cgrp_storage arena
"""

MAP_TYPE_NAMES: dict[int, str] = dict(enumerate(_NAMES.split()))


def map_type_name(type: int) -> str:
    """Name of a map type, ``type 99`` when it is newer than this table."""
    return MAP_TYPE_NAMES.get(type, f"type {type}")
