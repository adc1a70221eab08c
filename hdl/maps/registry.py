"""All map types, by number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .array import Array
from .base import MapPlugin
from .hash import Hash
from .percpu_array import PercpuArray

_ALL: tuple[MapPlugin, ...] = (Hash(), Array(), PercpuArray())

MAP_TYPES: Mapping[int, MapPlugin] = MappingProxyType({plugin.type: plugin for plugin in _ALL})
"""Map type (enum bpf_map_type) -> plug-in."""
