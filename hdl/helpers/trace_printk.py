"""bpf_trace_printk (kernel/trace/bpf_trace.c): a line of text with up to three numbers or strings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Arg, CallLowering, HelperPlugin, Machine, constant_bytes
from .events import Line, line
from .printing import lower_line, reference_line

MOST_NUMBERS = 3


class TracePrintk(HelperPlugin):
    """The text is put together by the host; an event brings the numbers, and strings that are not known. What the call
    returns, how many characters the text has, is not known in the hardware."""

    id = 6
    name = "bpf_trace_printk"
    summary = (
        "an event, which the host prints: up to three numbers, strings in map values, or pointers (all of them as "
        "(____ptrval____), as early in Linux's life); the format is a constant"
    )
    args = (Arg.MEM, Arg.SIZE, Arg.ANY, Arg.ANY, Arg.ANY)
    has_result = False
    constants = (1, 2)
    text = 1

    def _kind(self, format: bytes) -> Line:
        kind = line(self.name, format)
        if len(kind.conversions) > MOST_NUMBERS:
            raise Refused(
                f"{self.name} prints {len(kind.conversions)} numbers and strings; Linux prints {MOST_NUMBERS} at most",
                "print less, or use bpf_printk, which makes bpf_trace_vprintk of it",
            )
        return kind

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        kind = self._kind(machine.read(args[0], args[1]))
        values = args[2 : 2 + len(kind.conversions)]
        kind, values = reference_line(machine, kind, values)
        machine.event(kind.event(values))
        return len(kind.format(values))

    def lower(self, call: CallLowering) -> Any:
        kind = self._kind(constant_bytes(call, 1, 2, "the format"))
        call.event(*lower_line(call, kind, 3))
        return call.const(0, 64)
