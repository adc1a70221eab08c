"""Which way through the program each frame takes, and how long each way takes.

A path is what the program decides about a frame: the conditional jumps and tail calls that the frame executes, in
order, and where each of them leads. The hardware has no jumps, all its ways are calculated at once and predicates, the
conditions of these jumps, choose; so what tells paths apart in time is where they wait: for an entry of a map that an
older frame changes, for the beats of a long frame. Paths are found by the reference interpreter, which runs the same
frames with the same maps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..codegen.spec import ProgramSpec
from .captures import Frame
from .compare import fill
from .results import Verdict
from .session import Session
from .statistics import Latency

MOST = 4096
"""Paths that are kept apart; a program with loops may have more. Frames of others count as one."""

Decisions = tuple[tuple[int, int], ...]
"""Slot of each jump and the slot behind it."""


@dataclass
class Path:
    """Frames that took the same decisions. ``decisions``: None where they are not known. ``latency``: frames by
    latency, in the unit of the user's."""

    decisions: Decisions | None
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    latency: Counter[int] = field(default_factory=Counter)

    @property
    def frames(self) -> int:
        return self.verdicts.total()


class Paths:
    """The paths of a run, found while its results come in. Iterated over, `Path` by path, that of most frames first."""

    def __init__(self, session: Session) -> None:
        self._program = session.design.program
        self._interpreter = session.fresh_interpreter()
        fill(self._interpreter, session.contents)
        self._paths: dict[Decisions | None, Path] = {}
        self._last = Path(None)

    def add(self, frame: Frame, verdict: Verdict) -> None:
        """The next frame that came through the hardware, in the order in which frames went in.

        If the interpreter has another verdict (it may let go of another entry of an LRU map), the path is not known.
        """
        found = self._interpreter.run(
            frame.data, ifindex=frame.ifindex, rx_queue=frame.rx_queue, time_ns=frame.time_ns
        )
        decisions: Decisions | None = tuple(self._interpreter.decisions)
        if found.verdict is not verdict or (decisions not in self._paths and len(self._paths) >= MOST):
            decisions = None
        self._last = self._paths.setdefault(decisions, Path(decisions))
        self._last.verdicts[verdict] += 1

    def time(self, latency: int) -> None:
        """The latency of the frame that was added last, or of one more copy of it."""
        self._last.latency[latency] += 1

    def __iter__(self) -> Iterator[Path]:
        return iter(sorted(self._paths.values(), key=lambda path: -path.frames))

    def document(self, period_ps: int) -> list[dict[str, Any]]:
        """For JSON. ``period_ps``: of the unit of latencies."""
        names = names_of([path.decisions for path in self if path.decisions is not None], self._program)
        return [
            {
                "path": None if path.decisions is None else names[path.decisions],
                "decisions": path.decisions,
                "frames": path.frames,
                "verdicts": {str(verdict): path.verdicts[verdict] for verdict in sorted(path.verdicts)},
                "latency": Latency(path.latency.items(), period_ps).summary(),
            }
            for path in self
        ]


def names_of(paths: Sequence[Decisions], program: ProgramSpec) -> dict[Decisions, list[str]]:
    """What tells each path from the others: only the decisions at which some of them part, as ``line→next line``."""
    names: dict[Decisions, list[str]] = {path: [] for path in paths}
    groups = [(list(paths), 0)]
    while groups:
        group, depth = groups.pop()
        while len(group) > 1:
            ways: dict[tuple[int, int] | None, list[Decisions]] = {}
            for path in group:
                ways.setdefault(path[depth] if depth < len(path) else None, []).append(path)
            depth += 1
            if len(ways) == 1:
                continue
            texts = _texts([way for way in ways if way is not None], program)
            for way, members in ways.items():
                for path in members:
                    names[path].append("end" if way is None else texts[way])
                groups.append((members, depth))
            break
    return names


def _texts(ways: Sequence[tuple[int, int]], program: ProgramSpec) -> dict[tuple[int, int], str]:
    """Steps by source lines where these differ, else by instructions."""
    lines = {way: f"{_line(program, way[0])}→{_line(program, way[1])}" for way in ways}
    if len(set(lines.values())) == len(ways) and all(lines.values()):
        return lines
    return {(at, to): f"{_line(program, at)}[{at}→{to}]" for at, to in ways}


def _line(program: ProgramSpec, slot: int) -> str:
    """The line's number, empty where it is not known."""
    line = program.place(slot).line
    return "" if line is None else str(line)
