"""bpf_get_smp_processor_id (kernel/bpf/helpers.c): the hardware is one CPU, number 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .base import CallLowering, HelperPlugin, Machine, Outcome


class GetSmpProcessorId(HelperPlugin):
    id = 8
    name = "bpf_get_smp_processor_id"
    summary = "0: the hardware is one CPU"
    args = ()

    def outcomes(self) -> Sequence[Outcome]:
        return (Outcome(0, 0),)

    def reference(self, machine: Machine, args: Sequence[int]) -> int:
        return 0

    def lower(self, call: CallLowering) -> Any:
        return call.const(0, 64)
