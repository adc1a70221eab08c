"""The frame's first bytes as they are at a call, for an event: from the window in wires, from the frame store the rest.

Wires cost nothing more where the program does not write to the frame afterwards, because the window leaves with the
frame anyway. What lies behind it is fetched when the event leaves, beat by beat: nobody can have changed that.
"""

from __future__ import annotations

from ...hdl.errors import Refused
from ...hdl.helpers.base import FrameCopy
from .ir import INPUTS, Node
from .memory import MemoryAccess
from .place import Span, load

BITS = 16


def frame_copy(step: MemoryAccess, most: int, count: Node) -> FrameCopy:
    """See `hdl.helpers.base.CallLowering.frame_copy`."""
    step.spread_stores()
    c, extent, packet = step.c, step.b.extent, step.state.packet
    low, high = step.point.head
    most = min(most, extent.reach - low)
    start = step.state.frame.data
    if low == high:
        size = max(0, min(most, extent.window - low))
        front = c.concat([packet.byte(low + i) for i in range(size)]) if size else c.const(0, 8)
        position = c.const(low + size & 0xFFFF, BITS)
    elif high + most <= extent.window:
        size, bits = most, (high - low).bit_length()
        where = Span(low, high, 1, c.slice(c.sub(start, c.const(low & (1 << 64) - 1, 64)), 0, bits))
        front = load(c, where, size, packet.byte)
        position = c.const(0, BITS)
    elif low >= 0 and all(packet.byte(p) is step.b.stored_byte(p) for p in range(low, extent.window)):
        size, front, position = 0, c.const(0, 8), c.slice(start, 0, BITS)
    else:
        raise Refused(
            f"up to {most} bytes of the frame are appended to a record where it depends on the path where the frame "
            "begins, after some of its bytes were written",
            "make the record before changing the frame, or append fewer bytes",
        )
    if size == most:
        return FrameCopy(size, front, ())
    if step.state.frame.limit is not step.b.received_length:
        raise Refused(
            "bytes of the frame behind the window are appended to a record after bpf_xdp_adjust_tail",
            f"make the record before moving the frame's end, or append at most {size} bytes",
        )
    wide = c.resize(count, BITS)
    held = c.const(size, BITS)
    rest = c.mux(c.ult(held, wide), c.sub(wide, held), c.const(0, BITS))
    return FrameCopy(size, front, (rest, c.input("place", INPUTS["place"]), position))
