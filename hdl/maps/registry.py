"""All map types, by number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .array import Array
from .array_of_maps import ArrayOfMaps
from .base import MapPlugin
from .bloom_filter import BloomFilter
from .cpumap import Cpumap
from .devmap import Devmap
from .devmap_hash import DevmapHash
from .hash import Hash
from .hash_of_maps import HashOfMaps
from .lpm_trie import LpmTrie
from .lru_hash import LruHash
from .lru_percpu_hash import LruPercpuHash
from .percpu_array import PercpuArray
from .percpu_hash import PercpuHash
from .perf_event_array import PerfEventArray
from .prog_array import ProgArray
from .queue import Queue
from .ringbuf import Ringbuf
from .stack import Stack
from .xskmap import Xskmap

_ALL: tuple[MapPlugin, ...] = (
    Hash(),
    Array(),
    ProgArray(),
    PerfEventArray(),
    PercpuHash(),
    PercpuArray(),
    LruHash(),
    LruPercpuHash(),
    LpmTrie(),
    ArrayOfMaps(),
    HashOfMaps(),
    Queue(),
    Stack(),
    BloomFilter(),
    Devmap(),
    Cpumap(),
    Xskmap(),
    DevmapHash(),
    Ringbuf(),
)

MAP_TYPES: Mapping[int, MapPlugin] = MappingProxyType({plugin.type: plugin for plugin in _ALL})
"""Map type (enum bpf_map_type) -> plug-in."""
