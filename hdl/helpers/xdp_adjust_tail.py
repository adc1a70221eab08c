"""bpf_xdp_adjust_tail (net/core/filter.c), frames in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EINVAL
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .positions import Positions
from .words import signed, unsigned
from .xdp_limits import HIGHEST_END, SHORTEST_FRAME


class XdpAdjustTail(HelperPlugin):
    """Bytes that a frame grows by are zero, also those that it had before it shrank."""

    id = 65
    name = "bpf_xdp_adjust_tail"
    summary = f"cut the end, leaving {SHORTEST_FRAME} bytes, or add zeros up to byte {HIGHEST_END}"
    args = (Arg.CTX, Arg.SCALAR)
    changes_frame = True

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-EINVAL, 0),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        end = machine.data_end + signed(args[1], 32)
        if end > HIGHEST_END or end < machine.data + SHORTEST_FRAME:
            return unsigned(-EINVAL)
        if end > machine.data_end:
            machine.zero(machine.data_end, end)
        machine.data_end = end
        return 0

    def lower(self, call: CallLowering) -> Any:
        frame, p = call.frame, Positions(call)
        # As long as the end never moved, what lies behind it in the window is zero already.
        end_moved = frame.limit is not frame.data_end
        data, end = p.enter(frame.data), p.enter(frame.data_end)
        new = p.add(end, p.offset())
        ok = p.both(p.at_least(p.const(HIGHEST_END), new), p.at_least(new, p.add(data, p.const(SHORTEST_FRAME))))
        new_end = p.leave(new)
        if end_moved:
            grows = p.both(ok, p.below(end, new))
            frame.zero(frame.data_end, new_end, p.both(call.predicate, grows))
        shrinks = p.both(ok, p.below(new, p.enter(frame.limit)))
        frame.limit = p.choose(shrinks, new_end, frame.limit)
        frame.data_end = p.choose(ok, new_end, frame.data_end)
        return p.result(ok, EINVAL)
