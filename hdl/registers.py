"""The register map of the control bus: one table for hardware, host software and documentation.

Addresses count 32-bit words. It is the same for every program; what depends on the program (its name, its maps, the
causes of stalls) can be read from the device itself (``description``).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from .helpers.event_kinds import describe
from .helpers.events import EventKind
from .maps.base import MapShape

MAGIC = 0x48505448  # "HPTH"
VERSION = 1
EINVAL = 22


@dataclass(frozen=True, slots=True)
class Register:
    """``words`` registers from ``address`` on, ``stride`` words each (2: a 64-bit value, low word first).

    ``access``: "r", "w" or "rw".
    """

    name: str
    address: int
    access: str
    summary: str
    words: int = 1
    stride: int = 1

    @property
    def end(self) -> int:
        """The first address behind."""
        return self.address + self.words * self.stride


COUNTERS = {
    "cycles": "clock cycles since reset",
    "frames_received": "good frames, which the program saw",
    "bytes_received": "bytes of these frames",
    "dropped_error": "frames with a receive error",
    "dropped_oversize": "frames longer than `max_frame`",
    "dropped_runt": "frames shorter than 14 bytes",
    "verdict_aborted": "frames with verdict XDP_ABORTED (or one that Linux does not know)",
    "verdict_drop": "frames with verdict XDP_DROP",
    "verdict_pass": "frames with verdict XDP_PASS",
    "verdict_tx": "frames with verdict XDP_TX",
    "verdict_redirect": "frames with verdict XDP_REDIRECT",
    "bytes_sent": "bytes of frames sent",
}
"""64-bit counters in the order of their addresses."""

MAX_STALLS = 256
MAX_BINS = 4096
MAX_KEY_WORDS = 0x1000
MAX_VALUE_WORDS = 0x4000
MAX_DESCRIPTION_WORDS = 0x2000
MAX_EVENT_WORDS = 0x1000


def _latency(which: str, base: int, bins: int) -> list[Register]:
    beat = f"the {which} beat out"
    return [
        Register(f"latency_{which}_low", base, "r", f"least cycles from first beat in to {beat}"),
        Register(f"latency_{which}_high", base + 1, "r", "most cycles"),
        Register(f"latency_{which}_total", base + 2, "r", "sum of cycles", stride=2),
        Register(f"latency_{which}_count", base + 4, "r", "frames measured", stride=2),
        Register(f"latency_{which}_bins", bins, "r", "frames by cycles, one bin a cycle, last bin: more", MAX_BINS),
    ]


REGISTERS: tuple[Register, ...] = (
    Register("magic", 0x0000, "r", f"0x{MAGIC:08x}, \"HPTH\""),
    Register("version", 0x0001, "r", f"of this register map: {VERSION}"),
    Register("width", 0x0002, "r", "bytes a beat of the frame streams"),
    Register("window", 0x0003, "r", "bytes at the front of a frame that the program gets"),
    Register("headroom", 0x0004, "r", "bytes in front of the frame that the program may add"),
    Register("max_frame", 0x0005, "r", "bytes of the longest frame that is not dropped"),
    Register("maps", 0x0006, "r", "number of maps"),
    Register("stall_causes", 0x0007, "r", "number of causes of stalls"),
    Register("bins", 0x0008, "r", "bins of each latency histogram"),
    Register("description_bytes", 0x0009, "r", "bytes of the description"),
    Register("clear", 0x000A, "w", "bit 0: counters and stalls; bit 1: latencies (busy for `bins` cycles)"),
    Register("clearing", 0x000B, "r", "1 while the latency histograms are being cleared"),
    Register("digest", 0x0010, "r", "SHA-256 of what was built, first byte lowest", words=8),
    *(
        Register(name, 0x0100 + 2 * i, "r", summary, stride=2)
        for i, (name, summary) in enumerate(COUNTERS.items())
    ),
    Register("stalls", 0x0200, "r", "cycles in which this cause held frames back", MAX_STALLS, stride=2),
    *_latency("first", 0x0400, 0x1000),
    *_latency("last", 0x0408, 0x2000),
    Register("event_level", 0x0700, "r", "beats of events that wait"),
    Register("event_take", 0x0701, "w", "take the oldest one away"),
    Register("event_site", 0x0702, "r", "of the oldest: bits 0 to 15: which of `events`; bit 31: its last beat"),
    Register("event_frame", 0x0703, "r", "of the oldest: number of its frame"),
    Register("event_lose", 0x0704, "rw", "1: events that find no room are lost; 0: their frames wait"),
    Register("event_lost", 0x0706, "r", "events lost", stride=2),
    Register("map_select", 0x0800, "rw", "number of the map to access"),
    Register("map_index", 0x0801, "rw", "slot for ENTRY"),
    Register("map_flags", 0x0802, "rw", "for UPDATE: 0 BPF_ANY, 1 BPF_NOEXIST, 2 BPF_EXIST"),
    Register("map_command", 0x0803, "w", "starts 0 LOOKUP (no keys: peek), 1 UPDATE (push), 2 DELETE (pop), 3 ENTRY"),
    Register("map_busy", 0x0804, "r", "1 until the command is done"),
    Register("map_status", 0x0805, "r", "of the last command: 0 or a negative errno"),
    Register("description", 0x4000, "r", "program, maps, stall causes and events as JSON text", MAX_DESCRIPTION_WORDS),
    Register("map_key", 0x6000, "rw", "key, first byte lowest; after ENTRY the entry's", MAX_KEY_WORDS),
    Register("map_value", 0x8000, "rw", "value; after LOOKUP, ENTRY and pop the entry's", MAX_VALUE_WORDS),
    Register("event_data", 0xC000, "r", "of the oldest: its values, or bytes of the frame", MAX_EVENT_WORDS),
)


class RegisterMap:
    """Addresses by name, for host software."""

    def __init__(self, registers: Iterable[Register] = REGISTERS) -> None:
        self._registers = {register.name: register for register in registers}

    def __getitem__(self, name: str) -> Register:
        return self._registers[name]

    def address(self, name: str, index: int = 0) -> int:
        """Word address of element ``index`` of a register (its low word); KeyError, IndexError if there is none."""
        register = self._registers[name]
        if not 0 <= index < register.words:
            raise IndexError(f"{name} has {register.words} elements, not {index}")
        return register.address + index * register.stride


def description(
    program: str, maps: Sequence[MapShape], stalls: Sequence[str], events: Sequence[EventKind] = ()
) -> bytes:
    """The text that a device tells about itself: JSON with ``program``, ``maps`` (as bpftool names their fields),
    ``stalls`` and ``events`` (`hdl.helpers.event_kinds`), in the order of their numbers on the bus."""
    content: dict[str, Any] = {
        "program": program,
        "maps": [
            {
                "name": shape.name,
                "type": shape.type,
                "bytes_key": shape.key_size,
                "bytes_value": shape.value_size,
                "max_entries": shape.max_entries,
                "flags": shape.flags,
            }
            for shape in maps
        ],
        "stalls": list(stalls),
        "events": [describe(kind) for kind in events],
    }
    return json.dumps(content, separators=(",", ":")).encode()


def markdown() -> str:
    """docs/register-map.md."""
    lines = [
        "# Register map of the control bus",
        "",
        "Made from `hdl/registers.py` by `python -m hardpath.hdl.registers`; do not edit.",
        "",
        "Word addresses (16 bits), 32-bit words. A transfer happens in the cycle where `bus_valid` and `bus_ready`",
        "are high. Unknown addresses read 0; writes to them have no effect. 64-bit values are two words: reading the",
        "low one keeps the high one for the read that follows.",
        "",
        "To access a map: write `map_select`, `map_key` and so on, then `map_command`, then read `map_status` and the",
        "results. Transfers to the map registers wait while a command runs; who cannot wait asks `map_busy` first.",
        "",
        "Events wait here if the device was built with a queue for them; a beat of one is read and then taken away.",
        "",
        "Where a number of words depends on the program, the table gives the most there can be.",
        "",
        *table(REGISTERS),
    ]
    return "\n".join(lines) + "\n"


def table(registers: Iterable[Register]) -> list[str]:
    """Lines of a table in Markdown."""
    lines = ["| address | name | words | access | |", "|---|---|---|---|---|"]
    for r in sorted(registers, key=lambda r: r.address):
        words = f"{r.words} x 2" if r.stride == 2 else str(r.words)
        lines.append(f"| 0x{r.address:04x} | `{r.name}` | {words} | {r.access} | {r.summary} |")
    return lines


if __name__ == "__main__":
    print(markdown(), end="")
