"""What is known when a scenario has run: a document, and files with every frame."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from errno import errorcode
from pathlib import Path
from typing import Any, BinaryIO

from ..hdl.errors import InputError
from ..hdl.helpers.events import Event
from ..sim.control_client import LatencyFigures
from ..sim.event_values import EventType
from ..sim.events import document as event_document
from ..sim.pcapng import PcapngWriter
from ..sim.program import Hardware
from ..sim.results import Verdict
from ..sim.statistics import Latency
from .nic import Fate, Outcome, Port, Update
from .scenario import Scenario
from .statistics import DROPS
from .wire import SECOND


def document(scenario: Scenario, hardware: Hardware, engine: str, outcome: Outcome, wall_s: float) -> dict[str, Any]:
    """What ``nic run --json`` prints. Latencies are from the last bit in to the first bit out, or to the moment at
    which the host takes the frame (RFC 1242, store and forward)."""
    target = hardware.design.target
    return {
        "program": hardware.name,
        "engine": engine,
        "clock_mhz": target.clock_mhz,
        "duration_us": scenario.duration / 10**6,
        "cycles": outcome.cycles,
        "verdicts": {str(verdict): outcome.verdicts[verdict] for verdict in Verdict},
        "drops": {name: sum(getattr(port.counts, name) for port in outcome.ports) for name in DROPS},
        "ports": {str(port): _port(port, scenario.duration) for port in outcome.ports},
        "queues": {
            name: {"packets": counts.packets, "bytes": counts.bytes, "dropped": counts.dropped}
            for name, counts in outcome.queues.items()
        },
        "latency_by_verdict_ns": {str(v): latency(outcome.latency[v]) for v in Verdict if outcome.latency[v]},
        "timeline_ps": outcome.timeline.document(),
        "datapath": _datapath(outcome.measured),
        "updates": [_update(each) for each in outcome.updates],
        "stalls": outcome.stalls,
        **({} if outcome.paths is None else {"paths": outcome.paths.document(period_ps=1)}),
        "wall_s": round(wall_s, 3),
    }


def _update(update: Update) -> dict[str, Any]:
    """What the host did with a map. ``error``: None, or the errno's name."""
    wanted = update.wanted
    return {
        "map": wanted.map,
        "key": wanted.key.hex(),
        "value": None if wanted.value is None else wanted.value.hex(),
        "error": errorcode[update.errno] if update.errno else None,
        "begun_us": update.begun / 10**6,
        "ended_us": update.ended / 10**6,
    }


def _datapath(measured: LatencyFigures) -> dict[str, Any]:
    """What the histogram in the datapath has counted: cycles from the first beat in to the first beat out or the
    verdict, frames by cycles (those of the last bin have so many or more)."""
    bins = {cycles: frames for cycles, frames in enumerate(measured.bins) if frames}
    return {"frames": measured.count, "low": measured.low, "high": measured.high, "frames_by_cycles": bins}


def _port(port: Port, duration: int) -> dict[str, Any]:
    return {
        "ifindex": port.settings.ifindex,
        "speed": str(port.settings.line),
        "line_packets": port.offered,
        "line_pps": round(port.offered * SECOND / duration),
        "statistics": port.counts.as_dict(),
        "tx_queue_peak": port.sender.queue.peak,
        "host_queue_peak": port.host.queue.peak,
        "latency_ns": {to: latency(counts) for to, counts in port.latency.items()},
    }


def latency(counts: Counter[int]) -> dict[str, float | int | None]:
    """min, p50, p99, max and mean in ns of frames by picoseconds."""
    return Latency(counts.items(), period_ps=1).summary()["ns"]


class Recorder:
    """Writes into a folder ``frames.jsonl``, one line for each frame, and what left through each port or was taken by
    each queue as a capture: ``tx-NAME.pcapng``, ``host-NAME.pcapng``, ``cpu-N.pcapng``; ``events.jsonl``, what the
    program told the host, where ``types`` are those of records (`sim.events`). A context manager."""

    def __init__(self, folder: Path, types: Mapping[str, EventType]) -> None:
        self._folder = folder
        self._types = types
        self._files = ExitStack()
        self._captures: dict[str, PcapngWriter] = {}

    def __enter__(self) -> Recorder:
        self._lines = self._files.enter_context(open(self._path("frames.jsonl"), "w", encoding="ascii"))
        self._events = self._files.enter_context(open(self._path("events.jsonl"), "w", encoding="ascii"))
        return self

    def __exit__(self, *failure: object) -> None:
        self._files.close()

    def _path(self, name: str) -> Path:
        if "/" in name:
            raise InputError(f"{name!r} cannot be the name of a file: give the port a name without /")
        return self._folder / name

    def __call__(self, fate: Fate) -> None:
        """One more frame."""
        line = {
            "index": fate.index,
            "port": fate.port,
            "arrived_ns": fate.arrived / 1000,
            "verdict": None if fate.verdict is None else str(fate.verdict),
            "to": fate.to,
            "left_ns": None if fate.left is None else fate.left / 1000,
            "latency_cycles": fate.latency_cycles,
            "data": fate.data.hex(),
        }
        self._lines.write(json.dumps(line) + "\n")
        if fate.left is not None:
            self._capture(fate.to).write(
                fate.data, time_ns=fate.left // 1000, packet_id=fate.index, verdict=fate.verdict
            )

    def event(self, index: int, event: Event) -> None:
        """One more event."""
        self._events.write(json.dumps(event_document(index, event, self._types)) + "\n")

    def _capture(self, to: str) -> PcapngWriter:
        if to not in self._captures:
            path = self._path(f"{to.replace(' ', '-')}.pcapng")
            self._captures[to] = PcapngWriter(self._open(path))
        return self._captures[to]

    def _open(self, path: Path) -> BinaryIO:
        return self._files.enter_context(open(path, "wb"))
