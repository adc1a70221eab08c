"""bpf_trace_vprintk (kernel/trace/bpf_trace.c): a line of text with up to twelve numbers, which lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from .base import Arg, CallLowering, HelperPlugin, Machine, constant_bytes, constant_size
from .events import Line, line

MOST_NUMBERS = 12  # MAX_BPRINTF_VARARGS


class TraceVprintk(HelperPlugin):
    """As bpf_trace_printk."""

    id = 177
    name = "bpf_trace_vprintk"
    summary = "an event with up to twelve numbers, which the host prints; the format is a constant, the result unused"
    args = (Arg.MEM, Arg.SIZE, Arg.MEM_OR_NULL, Arg.SIZE_OR_ZERO)
    has_result = False
    constants = (1, 2, 4)
    text = 1

    def _kind(self, format: bytes, data: int) -> Line:
        kind = line(self.name, format)
        if other := next((c for c in kind.conversions if c.string or c.pointer), None):
            what = "%s" if other.string else "%p"
            raise Refused(
                f"{self.name} prints with {what}, which the hardware has for bpf_trace_printk only",
                "print three numbers and strings at most in one call, for which bpf_printk takes bpf_trace_printk",
            )
        if data % 8 or data > 8 * MOST_NUMBERS or data < 8 * len(kind.conversions):
            raise Refused(
                f"{self.name} gets {data} bytes for the {len(kind.conversions)} numbers of its format, "
                "for which Linux prints nothing",
                "pass 8 bytes for each number",
            )
        return kind

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        kind = self._kind(machine.read(args[0], args[1]), args[3])
        values = [int.from_bytes(machine.read(args[2] + 8 * i, 8), "little") for i in range(len(kind.conversions))]
        machine.event(kind.event(values))
        return len(kind.format(values))

    def lower(self, call: CallLowering) -> Any:
        size = constant_size(call, 4, "the size of the numbers")
        kind = self._kind(constant_bytes(call, 1, 2, "the format"), size)
        data = call.memory(3, size)
        call.event(kind, [call.op("slice", 64, data, attr=64 * i) for i in range(len(kind.conversions))])
        return call.const(0, 64)
