"""bpf_perf_event_output (bpf_xdp_event_output in net/core/filter.c, kernel/trace/bpf_trace.c)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..errors import Refused
from ..maps.linux import E2BIG, EFAULT, EINVAL, ENOENT
from .base import Arg, CallLowering, HelperPlugin, Machine, Outcome
from .events import Event
from .records import LENGTH_BITS, MOST_DATA, Record, perf_record
from .words import unsigned

INDEX = CURRENT_CPU = (1 << 32) - 1
"""BPF_F_INDEX_MASK, and the index that stands for the buffer of this CPU."""

SAMPLE_SHIFT, SAMPLE_BITS = 32, 20
"""BPF_F_CTXLEN_MASK: how many bytes of the frame are appended."""

CPU = 0


class PerfEventOutput(HelperPlugin):
    """The record always fits: the hardware waits for the host."""

    id = 25
    name = "bpf_perf_event_output"
    summary = "a record of memory, and of the frame's first bytes if the flags want them, for the host"
    args = (Arg.CTX, Arg.MAP, Arg.SCALAR, Arg.MEM, Arg.SIZE_OR_ZERO)
    frame_access = False
    copies_memory = True
    map_operation = "perf_event"

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(-4095, 0),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        shape, _, _ = machine.map_of(args[1])
        index, sample = args[2] & INDEX, args[2] >> SAMPLE_SHIFT
        if sample >> SAMPLE_BITS:
            return unsigned(-EINVAL)
        if sample > machine.data_end - machine.data:
            return unsigned(-EFAULT)
        index = CPU if index == CURRENT_CPU else index
        if index >= shape.max_entries:
            return unsigned(-E2BIG)
        if index != CPU:
            return unsigned(-ENOENT)
        data = machine.read(args[3], args[4]) + machine.load_frame(machine.data, sample)
        machine.event(Event(shape.name, perf_record(data).hex()))
        return 0

    def lower(self, call: CallLowering) -> Any:
        shape, _ = call.map_argument()
        flags = call.argument(3)
        index = call.op("slice", 32, flags, attr=0)
        sample = call.op("slice", SAMPLE_BITS, flags, attr=SAMPLE_SHIFT)
        unknown = call.op("slice", 64 - SAMPLE_SHIFT - SAMPLE_BITS, flags, attr=SAMPLE_SHIFT + SAMPLE_BITS)
        length = call.op("sub", 64, call.frame.data_end, call.frame.data)
        longer = call.op("ult", 1, call.op("slice", SAMPLE_BITS, length, attr=0), sample)
        current = call.op("eq", 1, index, call.const(CURRENT_CPU, 32))
        result = call.const(unsigned(-ENOENT), 64)
        for condition, value in (
            (call.op("eq", 1, index, call.const(CPU, 32)), 0),
            (call.op("not", 1, call.op("ult", 1, index, call.const(shape.max_entries, 32))), -E2BIG),
            (current, 0),
            (longer, -EFAULT),
            (call.op("not", 1, call.op("eq", 1, unknown, call.const(0, unknown.width))), -EINVAL),
        ):
            result = call.op("mux", 64, condition, call.const(unsigned(value), 64), result)
        self._tell(call, shape.name, sample, call.op("eq", 1, result, call.const(0, 64)))
        return result

    def _tell(self, call: CallLowering, name: str, sample: Any, happens: Any) -> None:
        most, varies = call.maximum(5), call.constant_argument(5) is None
        if most > MOST_DATA:
            raise Refused(
                f"{self.name} puts up to {most} bytes of memory into a record; the hardware carries {MOST_DATA}",
                "bound the size, and append bytes of the frame by the flags instead of copying them",
            )
        most_sampled = call.maximum(3) >> SAMPLE_SHIFT
        values = [call.op("slice", LENGTH_BITS, call.argument(5), attr=0)] if varies else []
        front, tail = 0, False
        if most_sampled:
            copy = call.frame_copy(most_sampled, sample)
            front, tail = copy.size, bool(copy.tail)
            values = [*copy.tail, *values, call.op("slice", LENGTH_BITS, sample, attr=0)]
        if most:
            values.append(call.memory(4, most))
        if front:
            values.append(copy.data)
        kind = Record(name, most, varies, front, bool(most_sampled), tail, perf=True)
        call.event(kind, values, happens)
