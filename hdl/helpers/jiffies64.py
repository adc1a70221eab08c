"""bpf_jiffies64 (kernel/bpf/helpers.c): here the arrival time of the frame in jiffies of 4 ms (CONFIG_HZ=250).

Linux begins to count five minutes before 2**32, so only differences mean anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import CallLowering, Outcome
from .clock import Clock
from .words import U64

NS_PER_JIFFY = 4_000_000


class Jiffies64(Clock):
    id = 118
    name = "bpf_jiffies64"
    summary = "units of 4 ms; the arrival time of the frame, the same for every call of one run"

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, U64 // NS_PER_JIFFY),)

    def at(self, time_ns: int) -> int:
        return time_ns // NS_PER_JIFFY

    def lower(self, call: CallLowering) -> Any:
        return call.op("udiv", 64, call.input("time_ns"), call.const(NS_PER_JIFFY, 64))
