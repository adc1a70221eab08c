"""bpf_xdp_load_bytes (net/core/filter.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EFAULT, EINVAL
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .frame_bytes import U32, FrameBytes, frame_error


class XdpLoadBytes(HelperPlugin):
    id = 189
    name = "bpf_xdp_load_bytes"
    summary = "copy bytes of the frame's window, at an offset that may vary inside it, to memory"
    args = (Arg.CTX, Arg.FRAME_OFFSET, Arg.OUT_MEM, Arg.SIZE)
    frame_access = False

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0, fills=True), Outcome(-EINVAL, -EFAULT))

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        error = frame_error(machine, args)
        if not error:
            machine.write(args[2], machine.load_frame(machine.data + (args[1] & U32), args[3] & U32))
        return error

    def lower(self, call: CallLowering) -> Any:
        checked = FrameBytes(call)
        call.store_memory(3, call.load_frame(2, checked.most), checked.written)
        return checked.result
