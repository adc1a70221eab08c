"""What bpf_xdp_load_bytes and bpf_xdp_store_bytes check (bpf_xdp_pointer in net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EFAULT, EINVAL
from .base import CallLowering, Machine
from .words import unsigned

FARTHEST = 0xFFFF
"""Offset and size that the kernel looks at at all."""

U32 = (1 << 32) - 1


def frame_error(machine: Machine, args: Sequence[int]) -> int:
    """0 or the helper's result for offset ``args[1]`` and size ``args[3]`` (u32) that are not inside the frame."""
    offset, size = args[1] & U32, args[3] & U32
    if offset > FARTHEST or size > FARTHEST:
        return unsigned(-EFAULT)
    return unsigned(-EINVAL) if offset + size > machine.data_end - machine.data else 0


class FrameBytes:
    """The checks as dataflow. ``most``: bytes that the call may move. ``result``: 64 bits, the helper's.
    ``written``: for each byte whether it is moved."""

    def __init__(self, call: CallLowering) -> None:
        self._call = call
        self.most = call.maximum(4)
        offset, size = (call.op("slice", 32, call.argument(n), attr=0) for n in (2, 4))
        length = call.op("sub", 64, call.frame.data_end, call.frame.data)
        # A frame has less than 2**16 bytes, so what is too far is also not inside.
        end = call.op("add", 33, call.op("zext", 33, offset), call.op("zext", 33, size))
        inside = call.op("not", 1, call.op("ult", 1, call.op("slice", 33, length, attr=0), end))
        far = call.op("or", 1, self._above(offset), self._above(size))
        errno = call.op("mux", 64, far, self._number(-EFAULT), self._number(-EINVAL))
        self.result = call.op("mux", 64, inside, self._number(0), errno)
        self.written = [call.op("and", 1, inside, self._covers(size, i)) for i in range(self.most)]

    def _number(self, value: int) -> Any:
        return self._call.const(unsigned(value), 64)

    def _above(self, x: Any) -> Any:
        return self._call.op("ult", 1, self._call.const(FARTHEST, 32), x)

    def _covers(self, size: Any, byte: int) -> Any:
        if self._call.constant_argument(4) is not None:
            return self._call.const(1, 1)
        return self._call.op("ult", 1, self._call.const(byte, 32), size)
