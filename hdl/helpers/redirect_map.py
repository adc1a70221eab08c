"""bpf_redirect_map for XDP (__bpf_xdp_redirect_map in include/linux/filter.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from ..maps.base import MapPlugin
from ..maps.linux import BPF_F_BROADCAST
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome

XDP_ABORTED, XDP_REDIRECT = 0, 4
ACTIONS = 3
"""The flags' lowest bits are the verdict if there is no entry."""

U32, U64 = (1 << 32) - 1, (1 << 64) - 1


class RedirectMap(HelperPlugin):
    """The index is the key's low 32 bits. With flags that the map type does not know nothing happens (XDP_ABORTED);
    without an entry the target chosen before is forgotten. BPF_F_EXCLUDE_INGRESS alone changes nothing, in Linux too.
    """

    id = 51
    name = "bpf_redirect_map"
    summary = "send the frame where a map entry says, or return the flags' verdict; no BPF_F_BROADCAST"
    args = (Arg.MAP, Arg.SCALAR, Arg.SCALAR)
    map_operation = "redirect"

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(XDP_ABORTED, XDP_REDIRECT),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        _, plugin, model = machine.map_of(args[0])
        flags = args[2]
        if flags & ~(ACTIONS | plugin.redirect_flags):
            return XDP_ABORTED
        if flags & BPF_F_BROADCAST:
            raise _broadcast()
        machine.redirect = model.redirect(args[1] & U32)
        return flags & ACTIONS if machine.redirect is None else XDP_REDIRECT

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        flags, index = call.argument(3), call.op("slice", 32, call.argument(2), attr=0)
        unknown = ~(ACTIONS | plugin.redirect_flags) & U64
        if _may_broadcast(call, plugin):
            raise _broadcast()
        good = call.op("eq", 1, call.op("and", 64, flags, call.const(unknown, 64)), call.const(0, 64))
        there = plugin.lower_redirect(call, shape, call.op("and", 1, call.predicate, good), index)
        target = call.op("mux", 32, there.found, there.target, call.const(0, 32))
        call.redirect = call.op("mux", 32, good, target, call.redirect)
        fallback = call.op("zext", 64, call.op("slice", 2, flags, attr=0))
        verdict = call.op("mux", 64, there.found, call.const(XDP_REDIRECT, 64), fallback)
        return call.op("mux", 64, good, verdict, call.const(XDP_ABORTED, 64))


def _may_broadcast(call: CallLowering, plugin: MapPlugin) -> bool:
    """Whether the flags may ask for a broadcast, as far as verification knows them."""
    if not plugin.redirect_flags & BPF_F_BROADCAST:
        return False
    known = call.constant_argument(3)
    if known is None:
        return call.maximum(3) >= BPF_F_BROADCAST
    return bool(known & BPF_F_BROADCAST) and not known & ~(ACTIONS | plugin.redirect_flags)


def _broadcast() -> Refused:
    return Refused(
        "bpf_redirect_map may be called with BPF_F_BROADCAST, and the hardware sends a frame to one port only",
        "pass constant flags without BPF_F_BROADCAST, or bound them below 8, and send to one port",
    )
