"""What CPU maps say of the queues behind redirects."""

from __future__ import annotations

from ..codegen.flow import Design
from ..hdl.maps.base import RedirectTarget
from ..hdl.maps.registry import MAP_TYPES
from ..sim.mapfile import Contents


def cpu_queues(design: Design, contents: Contents) -> dict[int, int]:
    """Frames that the queue of each CPU takes, as the CPU maps say (struct bpf_cpumap_val: qsize comes first)."""
    return {
        int.from_bytes(key, "little"): int.from_bytes(value[:4], "little")
        for name, spec in design.maps.items()
        if MAP_TYPES[spec.type].redirects_to is RedirectTarget.CPU
        for key, value in contents.get(name, {}).items()
    }
