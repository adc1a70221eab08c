"""What an engine does with the datapath's pins, cycle by cycle, in Python; ``native/main.cpp`` does the same, faster.

In every cycle, in this order: a coin decides whether a new beat is offered (one that was offered stays until taken),
another whether the output is ready; the outputs settle; the clock edge comes. A beat moves where valid and ready meet.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import IO, Any

from ..hdl.verdicts import BROADCAST
from .captures import Frame
from .engine import SimulationError
from .pcapng import PcapngWriter
from .ports import Supply
from .results import FrameResult, Verdict, decoded
from .statistics import nanoseconds
from .timeline import Timeline
from .timing import Coin


class Results:
    """What becomes of the frames: lines of JSON, an annotated capture, and the figures of the run."""

    def __init__(self, lines: IO[str] | None, capture: PcapngWriter | None, events: IO[str] | None = None) -> None:
        self.count = 0  # frames so far
        self._events = events
        self._lines = lines
        self._capture = capture
        self._latency: list[Counter[int]] = [Counter() for _ in Verdict]
        self._latency_last: Counter[int] = Counter()
        self._timeline = Timeline()

    def add(self, frame: Frame, result: FrameResult, latency_last: int, started: int) -> None:
        """One more frame, in input order. ``latency_last``: cycles to its last beat out. ``started``: cycle of its
        first beat in."""
        latency = result.latency_cycles or 0
        self.count += 1
        self._latency[result.verdict][latency] += 1
        self._latency_last[latency_last] += 1
        self._timeline.add(started, latency)
        if self._lines is not None:
            self._lines.write(result_line(result) + "\n")
        if self._capture is not None:
            comment = f"latency {latency} cycles, {result.latency_ns} ns"
            if isinstance(result.redirect, tuple):
                comment += f"; redirected to {', '.join(map(str, result.redirect)) or 'nobody'}"
            elif result.redirect is not None:
                comment += f"; redirected to {result.redirect}"
            self._capture.write(
                frame.data if result.out is None else result.out,
                time_ns=frame.time_ns,
                interface=frame.ifindex - 1,
                queue=frame.rx_queue,
                packet_id=result.index,
                verdict=result.verdict,
                comment=comment,
            )

    def flush(self) -> None:
        """What has been told so far reaches the files."""
        for lines in (self._lines, self._events):
            if lines is not None:
                lines.flush()
        if self._capture is not None:
            self._capture.flush()

    def event(self, index: int, site: int, data: bytes) -> None:
        """An event of the frame at ``index``."""
        if self._events is not None:
            self._events.write(json.dumps({"frame": index, "site": site, "data": data.hex()}) + "\n")

    def figures(self) -> dict[str, Any]:
        """The part of the answer to ``run`` that tells about frames."""
        return {
            "frames": self.count,
            "latency": [sorted(counts.items()) for counts in self._latency],
            "latency_last": sorted(self._latency_last.items()),
            "timeline": self._timeline.document(),
        }


def result_line(result: FrameResult) -> str:
    """One line of a ``frames_out`` file."""
    return json.dumps(
        {
            "index": result.index,
            "verdict": str(result.verdict),
            "out": None if result.out is None else result.out.hex(),
            "redirect": result.redirect,
            "latency_cycles": result.latency_cycles,
            "latency_ns": result.latency_ns,
        }
    )


class Source:
    """The input side: which beat is on the pins.

    ``beat`` is the packed input of the cycle, as `pack` makes it, 0 when none is offered.
    """

    def __init__(self, supply: Supply, width: int, coin: Coin) -> None:
        self._supply = supply
        self._width = width
        self._coin = coin
        self._beats: list[int] = []  # of the current frame, the next one last
        self._current: tuple[int, Frame] | None = None
        self.inside: deque[tuple[int, Frame, int]] = deque()  # index, frame, first beat in; no result yet
        self.beat = 0
        self.partial = False  # a frame has been accepted in part
        self.first_accepted = 0
        self.last_accepted = 0
        self.frames_accepted = 0

    @property
    def busy(self) -> bool:
        """Frames are on the pins or inside."""
        return bool(self.beat or self.partial or self.inside)

    def where(self) -> str:
        """What the datapath has to do next, for the message that it does not."""
        return f"packet {self.inside[0][0] + 1} does not come out" if self.inside else "the input is not ready"

    def offer(self, cycle: int) -> int:
        """The packed input for this cycle; call once a cycle."""
        self._supply.begin_cycle(cycle)
        willing = self._coin.toss()
        if willing and not self.beat:
            if not self._beats and (taken := self._supply.take(cycle)):
                self._current = taken
                self._beats = list(pack(taken[1], self._width))[::-1]
            if self._beats:
                self.beat = self._beats[-1]
        return self.beat

    def accepted(self, cycle: int) -> None:
        """The offered beat was taken in this cycle."""
        assert self._current is not None
        if not self.partial:
            if not self.frames_accepted:
                self.first_accepted = cycle
            self.last_accepted = cycle
            self.frames_accepted += 1
            self.inside.append((*self._current, cycle))
        self._beats.pop()
        self.beat = 0
        self.partial = bool(self._beats)
        if not self.partial:
            self._supply.accepted()


def pack(frame: Frame, width: int) -> Iterator[int]:
    """The beats of a frame as numbers with the fields, from bit 0: data (8*width), keep (width), last, ifindex (32),
    rx_queue (32), time_ns (64), valid."""
    data = frame.data
    metadata = (1 << 128 | frame.time_ns << 64 | frame.rx_queue << 32 | frame.ifindex) << 9 * width + 1
    for at in range(0, len(data), width):
        chunk = data[at : at + width]
        last = at + width >= len(data)
        keep = (1 << len(chunk)) - 1
        yield metadata | last << 9 * width | keep << 8 * width | int.from_bytes(chunk, "little")


class Sink:
    """The output side: puts results and bytes together, frame by frame.

    ``told`` gets each frame's result, its verdict and redirect outputs and the cycle of its first beat in, in input
    order.
    """

    def __init__(
        self,
        source: Source,
        results: Results,
        width: int,
        period_ps: int,
        event_bytes: int = 0,
        told: Callable[[FrameResult, int, int, int], None] = lambda *_: None,
    ) -> None:
        self._told = told
        self._event_bytes = event_bytes
        self._source = source
        self._results = results
        self._width = width
        self._period_ps = period_ps
        self._pending: deque[int] = deque()  # results whose bytes are still coming out
        self._outgoing: deque[tuple[int, bytes]] = deque()  # verdict and bytes of complete frames out
        self._open = bytearray()

    def beat(self, packed: int) -> None:
        """A beat out; fields from bit 0: data (8*width), keep (width), last, verdict (3)."""
        width = self._width
        keep = packed >> 8 * width & (1 << width) - 1
        size = keep.bit_length()
        last = packed >> 9 * width & 1
        if keep != (1 << size) - 1:
            raise SimulationError("tx_keep has a hole")
        if size < width and not last:
            raise SimulationError("a beat that is not the last has less than all bytes")
        self._open += (packed & (1 << 8 * size) - 1).to_bytes(size, "little")
        if last:
            self._outgoing.append((packed >> 9 * width + 1, bytes(self._open)))
            self._open.clear()
        self._finish()

    def event(self, packed: int) -> None:
        """An event, which leaves before the result of its frame; fields from bit 0: site (16), frame (32), data."""
        position = (packed >> 16 & 0xFFFF_FFFF) - self._results.count
        if position >= len(self._source.inside):
            raise SimulationError("the datapath gave an event for no frame")
        index, _, _ = self._source.inside[position]
        self._results.event(index, packed & 0xFFFF, (packed >> 48).to_bytes(self._event_bytes, "little"))

    def result(self, packed: int) -> None:
        """A result; fields from bit 0: verdict (3), redirect (32), length (16), latency_first, latency_last (32)."""
        if len(self._pending) >= len(self._source.inside):
            raise SimulationError("the datapath gave a result for no frame")
        self._pending.append(packed)
        self._finish()

    def _finish(self) -> None:
        """Deliver the oldest frames for which both result and bytes are there."""
        inside = self._source.inside
        while self._pending and not (self._source.partial and len(inside) == 1):
            packed = self._pending[0]
            number = packed & 7
            index, frame, started = inside[0]
            if number > BROADCAST:
                raise SimulationError(f"packet {index + 1} has the unknown verdict {number}")
            target = packed >> 3 & 0xFFFF_FFFF
            verdict, told = decoded(number, target)
            out = None
            if verdict.sends:
                if not self._outgoing:
                    return
                out_verdict, out = self._outgoing.popleft()
                length = packed >> 35 & 0xFFFF
                if (out_verdict, len(out)) != (number, length):
                    raise SimulationError(
                        f"packet {index + 1}: its result (verdict {number}, {length} bytes) and its bytes out "
                        f"(verdict {out_verdict}, {len(out)} bytes) differ"
                    )
            self._pending.popleft()
            inside.popleft()
            redirect = told if verdict is Verdict.REDIRECT else None
            latency = packed >> 51 & 0xFFFF_FFFF
            result = FrameResult(index, verdict, out, redirect, latency, nanoseconds(latency, self._period_ps))
            self._results.add(frame, result, packed >> 83, started)
            self._told(result, number, target, started)
