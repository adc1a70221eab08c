"""All helpers, by number."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from .base import HelperPlugin
from .check_mtu import CheckMtu
from .csum_diff import CsumDiff
from .fib_lookup import FibLookup
from .for_each_map_elem import ForEachMapElem
from .get_numa_node_id import GetNumaNodeId
from .get_prandom_u32 import GetPrandomU32
from .get_smp_processor_id import GetSmpProcessorId
from .jiffies64 import Jiffies64
from .ktime_get_boot_ns import KtimeGetBootNs
from .ktime_get_coarse_ns import KtimeGetCoarseNs
from .ktime_get_ns import KtimeGetNs
from .loop import Loop
from .map_delete_elem import MapDeleteElem
from .map_lookup_elem import MapLookupElem
from .map_lookup_percpu_elem import MapLookupPercpuElem
from .map_peek_elem import MapPeekElem
from .map_pop_elem import MapPopElem
from .map_push_elem import MapPushElem
from .map_update_elem import MapUpdateElem
from .perf_event_output import PerfEventOutput
from .redirect import Redirect
from .redirect_map import RedirectMap
from .ringbuf_discard import RingbufDiscard
from .ringbuf_output import RingbufOutput
from .ringbuf_query import RingbufQuery
from .ringbuf_reserve import RingbufReserve
from .ringbuf_submit import RingbufSubmit
from .spin_lock import SpinLock
from .spin_unlock import SpinUnlock
from .strncmp import Strncmp
from .tail_call import TailCall
from .trace_printk import TracePrintk
from .trace_vprintk import TraceVprintk
from .xdp_adjust_head import XdpAdjustHead
from .xdp_adjust_meta import XdpAdjustMeta
from .xdp_adjust_tail import XdpAdjustTail
from .xdp_get_buff_len import XdpGetBuffLen
from .xdp_load_bytes import XdpLoadBytes
from .xdp_store_bytes import XdpStoreBytes

_ALL: tuple[HelperPlugin, ...] = (
    MapLookupElem(),
    MapUpdateElem(),
    MapDeleteElem(),
    MapLookupPercpuElem(),
    RingbufOutput(),
    RingbufReserve(),
    RingbufSubmit(),
    RingbufDiscard(),
    RingbufQuery(),
    SpinLock(),
    SpinUnlock(),
    Strncmp(),
    MapPushElem(),
    MapPopElem(),
    MapPeekElem(),
    KtimeGetNs(),
    KtimeGetBootNs(),
    KtimeGetCoarseNs(),
    Jiffies64(),
    GetPrandomU32(),
    GetSmpProcessorId(),
    GetNumaNodeId(),
    PerfEventOutput(),
    Redirect(),
    RedirectMap(),
    FibLookup(),
    CheckMtu(),
    TailCall(),
    TracePrintk(),
    TraceVprintk(),
    CsumDiff(),
    Loop(),
    ForEachMapElem(),
    XdpAdjustHead(),
    XdpAdjustMeta(),
    XdpAdjustTail(),
    XdpGetBuffLen(),
    XdpLoadBytes(),
    XdpStoreBytes(),
)

HELPERS: Mapping[int, HelperPlugin] = MappingProxyType({helper.id: helper for helper in _ALL})
"""Helper id (enum bpf_func_id) -> plug-in."""
