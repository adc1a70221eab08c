"""bpf_redirect_map for XDP (__bpf_xdp_redirect_map in include/linux/filter.h)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.base import MapPlugin
from ..maps.broadcast import INTERFACES, interfaces
from ..maps.linux import BPF_F_BROADCAST, BPF_F_EXCLUDE_INGRESS
from ..verdicts import XDP_ABORTED, XDP_REDIRECT
from .base import TARGET_BITS, Arg, CallLowering, HelperPlugin, Machine, Outcome
from .redirect import to_one

ACTIONS = 3
"""The flags' lowest bits are the verdict if there is no entry."""

U32, U64 = (1 << 32) - 1, (1 << 64) - 1


class RedirectMap(HelperPlugin):
    """The index is the key's low 32 bits. With flags that the map type does not know nothing happens (XDP_ABORTED);
    without an entry the target chosen before is forgotten. BPF_F_BROADCAST sends to all entries, whatever the index,
    with BPF_F_EXCLUDE_INGRESS not to the interface where the frame came in; that flag alone changes nothing.
    """

    id = 51
    name = "bpf_redirect_map"
    summary = "send the frame where a map entry says (or all entries of a device map), or return the flags' verdict"
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
            excluded = machine.ifindex if flags & BPF_F_EXCLUDE_INGRESS else None
            machine.redirect = tuple(target for target in interfaces(model) if target != excluded)
            return XDP_REDIRECT
        machine.redirect = model.redirect(args[1] & U32)
        return flags & ACTIONS if machine.redirect is None else XDP_REDIRECT

    def lower(self, call: CallLowering) -> Any:
        shape, plugin = call.map_argument()
        flags, index = call.argument(3), call.op("slice", 32, call.argument(2), attr=0)
        unknown = ~(ACTIONS | plugin.redirect_flags) & U64
        good = call.op("eq", 1, call.op("and", 64, flags, call.const(unknown, 64)), call.const(0, 64))
        there = plugin.lower_redirect(call, shape, call.op("and", 1, call.predicate, good), index)
        found = there.found
        target = to_one(call, call.op("mux", 32, found, there.target, call.const(0, 32)))
        if _may_broadcast(call, plugin):
            wanted = call.op("slice", 1, flags, attr=BPF_F_BROADCAST.bit_length() - 1)
            target = call.op("mux", TARGET_BITS, wanted, self._everywhere(call, wanted, good), target)
            found = call.op("or", 1, found, wanted)
        call.redirect = call.op("mux", TARGET_BITS, good, target, call.redirect)
        fallback = call.op("zext", 64, call.op("slice", 2, flags, attr=0))
        verdict = call.op("mux", 64, found, call.const(XDP_REDIRECT, 64), fallback)
        return call.op("mux", 64, good, verdict, call.const(XDP_ABORTED, 64))

    def _everywhere(self, call: CallLowering, wanted: Any, good: Any) -> Any:
        """The set of interfaces as a target."""
        shape, plugin = call.map_argument()
        go = call.op("and", 1, call.predicate, call.op("and", 1, good, wanted))
        found, zero = plugin.lower_broadcast(call, shape, go), call.const(0, INTERFACES)
        ifindex = call.input("ifindex")
        own = call.op("shl", INTERFACES, call.const(1, INTERFACES), call.op("slice", 5, ifindex, attr=0))
        known = call.op("ult", 1, ifindex, call.const(INTERFACES, 32))
        excluding = call.op("slice", 1, call.argument(3), attr=BPF_F_EXCLUDE_INGRESS.bit_length() - 1)
        excluded = call.op("mux", INTERFACES, call.op("and", 1, known, excluding), own, zero)
        rest = call.op("and", INTERFACES, found, call.op("not", INTERFACES, excluded))
        return call.op("concat", TARGET_BITS, rest, call.const(1, 1))


def _may_broadcast(call: CallLowering, plugin: MapPlugin) -> bool:
    """Whether the flags may ask for a broadcast, as far as verification knows them."""
    if not plugin.redirect_flags & BPF_F_BROADCAST:
        return False
    known = call.constant_argument(3)
    if known is None:
        return call.maximum(3) >= BPF_F_BROADCAST
    return bool(known & BPF_F_BROADCAST) and not known & ~(ACTIONS | plugin.redirect_flags)
