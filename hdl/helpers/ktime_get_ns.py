"""bpf_ktime_get_ns (kernel/bpf/helpers.c): here the time at which the frame's first beat arrived."""

from __future__ import annotations

from typing import Any

from .base import CallLowering
from .clock import Clock


class KtimeGetNs(Clock):
    id = 5
    name = "bpf_ktime_get_ns"
    summary = "nanoseconds; the arrival time of the frame, the same for every call of one run"

    def at(self, time_ns: int) -> int:
        return time_ns

    def lower(self, call: CallLowering) -> Any:
        return call.input("time_ns")
