"""bpf_ringbuf_reserve (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import Arg, CallLowering, HelperPlugin, Machine, Ret
from .ringbuf import WORD, check_size, take


class RingbufReserve(HelperPlugin):
    """Any flag gives NULL."""

    id = 131
    name = "bpf_ringbuf_reserve"
    summary = "a record of constant size in the ring, NULL if there is no room"
    args = (Arg.MAP, Arg.ALLOCATED, Arg.SCALAR)
    ret = Ret.RECORD_OR_NULL
    map_operation = "ringbuf"
    constants = (2,)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, _ = machine.map_of(args[0])
        return machine.reserve(shape, args[1]) if not args[2] and machine.take(shape, args[1]) else 0

    def lower(self, call: CallLowering) -> Any:
        size = call.maximum(2)
        check_size(self.name, size)
        plain = call.op("eq", 1, call.argument(3), call.const(0, 64))
        return take(call, call.const(size, WORD), plain)
