"""All helpers, by number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .base import HelperPlugin
from .csum_diff import CsumDiff
from .get_prandom_u32 import GetPrandomU32
from .get_smp_processor_id import GetSmpProcessorId
from .ktime_get_ns import KtimeGetNs
from .map_delete_elem import MapDeleteElem
from .map_lookup_elem import MapLookupElem
from .map_update_elem import MapUpdateElem
from .redirect import Redirect
from .xdp_adjust_head import XdpAdjustHead
from .xdp_adjust_meta import XdpAdjustMeta
from .xdp_adjust_tail import XdpAdjustTail

_ALL: tuple[HelperPlugin, ...] = (
    MapLookupElem(),
    MapUpdateElem(),
    MapDeleteElem(),
    KtimeGetNs(),
    GetPrandomU32(),
    GetSmpProcessorId(),
    Redirect(),
    CsumDiff(),
    XdpAdjustHead(),
    XdpAdjustMeta(),
    XdpAdjustTail(),
)

HELPERS: Mapping[int, HelperPlugin] = MappingProxyType({helper.id: helper for helper in _ALL})
"""Helper id (enum bpf_func_id) -> plug-in."""
