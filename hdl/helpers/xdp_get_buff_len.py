"""bpf_xdp_get_buff_len (net/core/filter.c): bytes of the frame, without metadata."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .xdp_limits import HIGHEST_END, LOWEST_START, SHORTEST_FRAME


class XdpGetBuffLen(HelperPlugin):
    id = 188
    name = "bpf_xdp_get_buff_len"
    summary = "bytes of the frame"
    args = (Arg.CTX,)

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(SHORTEST_FRAME, HIGHEST_END - LOWEST_START),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        return machine.data_end - machine.data

    def lower(self, call: CallLowering) -> Any:
        return call.op("sub", 64, call.frame.data_end, call.frame.data)
