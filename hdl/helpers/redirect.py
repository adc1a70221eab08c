"""bpf_redirect for XDP (bpf_xdp_redirect in net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.base import RedirectTarget
from ..verdicts import XDP_ABORTED, XDP_REDIRECT
from .base import TARGET_BITS, Arg, CallLowering, HelperPlugin, Machine, Outcome


def to_one(call: CallLowering, target: Any) -> Any:
    """A target of 32 bits as `CallLowering.redirect`."""
    return call.op("concat", TARGET_BITS, target, call.const(0, 1))


class Redirect(HelperPlugin):
    """The target of the last successful call counts. Any flag makes the call fail with XDP_ABORTED."""

    id = 23
    name = "bpf_redirect"
    summary = "send the frame out of another port; flags must be 0"
    args = (Arg.SCALAR, Arg.SCALAR)
    redirects_to = RedirectTarget.PORT

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(XDP_ABORTED, XDP_REDIRECT),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        if args[1]:
            return XDP_ABORTED
        machine.redirect = args[0] & 0xFFFFFFFF
        return XDP_REDIRECT

    def lower(self, call: CallLowering) -> Any:
        target = to_one(call, call.op("slice", 32, call.argument(1), attr=0))
        ok = call.op("eq", 1, call.argument(2), call.const(0, 64))
        call.redirect = call.op("mux", TARGET_BITS, ok, target, call.redirect)
        return call.op("mux", 64, ok, call.const(XDP_REDIRECT, 64), call.const(XDP_ABORTED, 64))
