"""bpf_xdp_store_bytes (net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EFAULT, EINVAL
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .frame_bytes import U32, FrameBytes, frame_error


class XdpStoreBytes(HelperPlugin):
    """The frame does not move, so packet pointers stay valid."""

    id = 190
    name = "bpf_xdp_store_bytes"
    summary = "copy memory into the frame's window, at an offset that may vary inside it"
    args = (Arg.CTX, Arg.FRAME_OFFSET, Arg.MEM, Arg.SIZE)
    frame_access = False

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0), Outcome(-EINVAL, -EFAULT))

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        error = frame_error(machine, args)
        if not error:
            machine.store_frame(machine.data + (args[1] & U32), machine.read(args[2], args[3] & U32))
        return error

    def lower(self, call: CallLowering) -> Any:
        checked = FrameBytes(call)
        call.store_frame(2, call.memory(3, checked.most), checked.written)
        return checked.result
