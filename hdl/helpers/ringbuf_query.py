"""bpf_ringbuf_query (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Arg, CallLowering, HelperPlugin, Machine, constant_size

AVAILABLE, RING_SIZE, CONSUMER_POSITION, PRODUCER_POSITION = range(4)
"""BPF_RB_AVAIL_DATA and so on. Positions count all bytes since the ring was made, which depends on nothing a frame can
see; nobody but the host needs them."""


class RingbufQuery(HelperPlugin):
    id = 134
    name = "bpf_ringbuf_query"
    summary = "bytes that are taken (BPF_RB_AVAIL_DATA), or the size of the ring (BPF_RB_RING_SIZE); flags are constant"
    args = (Arg.MAP, Arg.SCALAR)
    map_operation = "ringbuf"
    constants = (2,)

    def _refused(self) -> Refused:
        return Refused(
            f"{self.name} asks for a position in the ring, which the hardware does not keep",
            "ask for BPF_RB_AVAIL_DATA or BPF_RB_RING_SIZE",
        )

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, _ = machine.map_of(args[0])
        if args[1] in (CONSUMER_POSITION, PRODUCER_POSITION):
            raise self._refused()
        return {AVAILABLE: machine.available(shape), RING_SIZE: shape.max_entries}.get(args[1], 0)

    def lower(self, call: CallLowering) -> Any:
        shape, _ = call.map_argument()
        flags = constant_size(call, 2, f"what {self.name} asks for")
        if flags in (CONSUMER_POSITION, PRODUCER_POSITION):
            raise self._refused()
        if flags == AVAILABLE:
            return call.op("zext", 64, call.taken)
        return call.const(shape.max_entries if flags == RING_SIZE else 0, 64)
