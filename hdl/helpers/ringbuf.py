"""What the helpers for ring buffers have in common (kernel/bpf/ringbuf.c): room, and records that come and go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from ..maps.ringbuf import HEADER_BYTES
from .base import Arg, CallLowering, HelperPlugin, Machine, Ret
from .records import MOST_DATA

WORD = 32


def check_size(name: str, size: int) -> None:
    """Raise `Refused` for a record that is too large for registers."""
    if size > MOST_DATA:
        raise Refused(
            f"{name} makes a record of up to {size} bytes; the hardware carries {MOST_DATA}",
            "make records smaller, or give bytes of the frame to bpf_perf_event_output, which appends them",
        )


def take(call: CallLowering, size: Any, wanted: Any) -> Any:
    """1 bit: ``wanted`` (1 bit), and the ring has room for a record of ``size`` (32 bits) bytes, which is taken."""
    shape, _ = call.map_argument()
    header = call.const(HEADER_BYTES + 7, WORD)
    length = call.op("add", WORD, size, header)
    length = call.op("and", WORD, length, call.const((1 << WORD) - 8, WORD))
    after = call.op("add", WORD, call.taken, length)
    room = call.op("and", 1, wanted, call.op("ult", 1, after, call.const(shape.max_entries, WORD)))
    call.taken = call.op("mux", WORD, room, after, call.taken)
    return room


class GiveBack(HelperPlugin):
    """The flags only say whether the host is woken."""

    args = (Arg.RECORD, Arg.SCALAR)
    ret = Ret.VOID

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        machine.give_back(args[0], self.publishes)
        return 0

    def lower(self, call: CallLowering) -> Any:
        call.give_back(1, self.publishes)
        return call.const(0, 64)
