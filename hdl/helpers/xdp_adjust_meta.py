"""bpf_xdp_adjust_meta (net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EACCES, EINVAL
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .positions import Positions
from .words import signed, unsigned
from .xdp_limits import LONGEST_METADATA, LOWEST_START


class XdpAdjustMeta(HelperPlugin):
    """Metadata is scratch memory in front of data start; it is not sent with the frame."""

    id = 54
    name = "bpf_xdp_adjust_meta"
    summary = f"make room for metadata: a multiple of 4 bytes, {LONGEST_METADATA} at most"
    args = (Arg.CTX, Arg.SCALAR)
    changes_frame = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0, moves_meta=True), Outcome(-EINVAL, -EACCES))

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        meta = machine.data_meta + signed(args[1], 32)
        if meta < LOWEST_START or meta > machine.data:
            return unsigned(-EINVAL)
        size = machine.data - meta
        if size % 4 or size > LONGEST_METADATA:
            return unsigned(-EACCES)
        machine.data_meta = meta
        return 0

    def lower(self, call: CallLowering) -> Any:
        frame, p = call.frame, Positions(call)
        data = p.enter(frame.data)
        meta = p.add(p.enter(frame.data_meta), p.offset())
        inside = p.both(p.at_least(meta, p.const(LOWEST_START)), p.at_least(data, meta))
        size = p.sub(data, meta)
        aligned = call.op("eq", 1, call.op("slice", 2, size, attr=0), call.const(0, 2))
        fits = p.both(aligned, p.at_least(p.const(LONGEST_METADATA), size))
        frame.data_meta = p.choose(p.both(inside, fits), p.leave(meta), frame.data_meta)
        error = p.choose(inside, p.result(fits, EACCES), call.const(unsigned(-EINVAL), 64))
        return error
