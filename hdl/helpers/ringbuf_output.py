"""bpf_ringbuf_output (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..maps.linux import EAGAIN, EINVAL
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .events import Event
from .records import LENGTH_BITS, Record
from .ringbuf import WORD, check_size, take
from .words import U64, unsigned

WAKEUP_FLAGS = 3  # BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP


class RingbufOutput(HelperPlugin):
    id = 130
    name = "bpf_ringbuf_output"
    summary = "a record with a copy of memory, -EAGAIN if the ring has no room"
    args = (Arg.MAP, Arg.MEM, Arg.SIZE_OR_ZERO, Arg.SCALAR)
    frame_access = False
    copies_memory = True
    map_operation = "ringbuf"

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-4095, 0),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, _ = machine.map_of(args[0])
        if args[3] & ~WAKEUP_FLAGS:
            return unsigned(-EINVAL)
        if not machine.take(shape, args[2]):
            return unsigned(-EAGAIN)
        machine.event(Event(shape.name, machine.read(args[1], args[2]).hex()))
        return 0

    def lower(self, call: CallLowering) -> Any:
        shape, _ = call.map_argument()
        most, varies = call.maximum(3), call.constant_argument(3) is None
        check_size(self.name, most)
        unknown = call.op("and", 64, call.argument(4), call.const(U64 ^ WAKEUP_FLAGS, 64))
        known = call.op("eq", 1, unknown, call.const(0, 64))
        size = call.op("slice", WORD, call.argument(3), attr=0)
        room = take(call, size, known)
        values = [call.op("slice", LENGTH_BITS, size, attr=0)] if varies else []
        if most:
            values.append(call.memory(2, most))
        call.event(Record(shape.name, most, varies), values, room)
        errno = call.op("mux", 64, known, call.const(unsigned(-EAGAIN), 64), call.const(unsigned(-EINVAL), 64))
        return call.op("mux", 64, room, call.const(0, 64), errno)
