"""bpf_xdp_adjust_head (net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EINVAL
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .positions import Positions
from .words import signed, unsigned
from .xdp_limits import LOWEST_START, SHORTEST_FRAME


class XdpAdjustHead(HelperPlugin):
    """Metadata moves along with data start; the headroom keeps what was written there."""

    id = 44
    name = "bpf_xdp_adjust_head"
    summary = f"move data start by -{-LOWEST_START} bytes or more, leaving {SHORTEST_FRAME}"
    args = (Arg.CTX, Arg.SCALAR)
    changes_frame = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0, moves_head=True), Outcome(-EINVAL, -EINVAL))

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        offset = signed(args[1], 32)
        data = machine.data + offset
        metadata = machine.data - machine.data_meta
        if data < LOWEST_START + metadata or data > machine.data_end - SHORTEST_FRAME:
            return unsigned(-EINVAL)
        machine.move(machine.data_meta, machine.data_meta + offset, metadata)
        machine.data_meta += offset
        machine.data = data
        return 0

    def lower(self, call: CallLowering) -> Any:
        frame, p = call.frame, Positions(call)
        has_metadata = frame.data_meta is not frame.data
        offset = p.offset()
        data, meta, end = p.enter(frame.data), p.enter(frame.data_meta), p.enter(frame.data_end)
        new_data, new_meta = p.add(data, offset), p.add(meta, offset)
        # The kernel compares data with the lowest start plus metadata: the same as the new metadata start.
        ok = p.both(
            p.at_least(new_meta, p.const(LOWEST_START)),
            p.at_least(p.add(end, p.const(-SHORTEST_FRAME)), new_data),
        )
        moved = p.choose(ok, p.leave(new_data), frame.data)
        moved_meta = moved
        if has_metadata:
            moved_meta = p.choose(ok, p.leave(new_meta), frame.data_meta)
            size = call.op("sub", 64, frame.data, frame.data_meta)
            frame.move(frame.data_meta, moved_meta, size, p.both(call.predicate, ok))
        frame.data, frame.data_meta = moved, moved_meta
        return p.result(ok, EINVAL)
