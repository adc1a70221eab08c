"""Compares what engines and oracles made of the same frames, and explains the first difference."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Any, Protocol, TypeVar

from ..codegen.spec import MapSpec, ProgramSpec
from ..hdl.errors import Place
from ..hdl.helpers.events import PRINTED, Event
from .events import Told, by_channel
from .interpreter import Interpreter
from .mapfile import Contents
from .results import FrameResult, Outcome

T = TypeVar("T")


class Oracle(Protocol):
    """What `Interpreter` and `LinuxOracle` have in common."""

    def run(self, frame: bytes) -> Outcome: ...
    def maps(self) -> dict[str, dict[bytes, bytes]]: ...
    def set_map(self, name: str, key: bytes, value: bytes) -> None: ...
    @property
    def events(self) -> Sequence[Event]: ...


@dataclass(frozen=True)
class Record:
    """What ``name`` made of all frames, in order, and the maps at the end. ``told``: what it told the host, for each
    channel of which it knows."""

    name: str
    results: Sequence[FrameResult]
    maps: Contents
    told: Told = field(default_factory=dict)


@dataclass(frozen=True)
class Difference:
    """The first difference between two records.

    ``what``: verdict, redirect, length, byte, line, record, entry or value. ``frame``: its number (None for maps,
    which are compared at the end). ``offset``: byte in the frame or in the map's value. ``values``: what the two made
    of it, in the order of ``names``. ``place``: the instruction that last wrote the byte, ``written_in`` the frame
    in which it did (maps), both as the interpreter sees it.
    """

    names: tuple[str, str]
    what: str
    values: tuple[str, str]
    frame: int | None = None
    offset: int | None = None
    map: str | None = None
    key: bytes | None = None
    place: Place | None = None
    written_in: int | None = None

    def __str__(self) -> str:
        where = f"frame {self.frame}, {self.what}" if self.frame is not None else self._map_place()
        if self.frame is not None and self.offset is not None:
            where += f" {self.offset}"
        lines = [f"Difference: {where}"]
        width = max(len(name) for name in self.names) + 1
        lines += [f"  {name + ':':<{width}} {value}" for name, value in zip(self.names, self.values, strict=True)]
        if self.place is not None:
            when = "" if self.written_in is None else f" in frame {self.written_in}"
            lines.append(f"  written{when} by {self.place}")
        elif self.what in ("byte", "value"):
            lines.append("  no instruction of the program wrote it")
        return "\n".join(lines)

    def _map_place(self) -> str:
        where = f"map {self.map}"
        if self.key is not None:
            where += f", key {self.key.hex()}"
        return where if self.offset is None else f"{where}, value byte {self.offset}"

    def document(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "names": list(self.names),
            "what": self.what,
            "values": list(self.values),
            "frame": self.frame,
            "offset": self.offset,
            "map": self.map,
            "key": None if self.key is None else self.key.hex(),
            "instruction": None if self.place is None else self.place.slot,
            "place": None if self.place is None else str(self.place),
            "written_in": self.written_in,
        }


@dataclass(frozen=True)
class Input:
    """What all of them ran: for finding out afterwards which instruction wrote a byte."""

    program: ProgramSpec
    maps: Mapping[str, MapSpec]
    frames: Sequence[bytes]
    contents: Contents

    def interpret(self, count: int) -> Interpreter:
        """An interpreter that has run the first ``count`` frames."""
        interpreter = Interpreter(self.program, self.maps)
        fill(interpreter, self.contents)
        for frame in self.frames[:count]:
            interpreter.run(frame)
        return interpreter


def fill(oracle: Oracle, contents: Contents) -> None:
    """Put initial contents into an oracle's maps."""
    for name, entries in contents.items():
        for key, value in entries.items():
            oracle.set_map(name, key, value)


def record(name: str, oracle: Oracle, frames: Sequence[bytes], channels: Iterable[str] = ()) -> Record:
    """Run an oracle over the frames; it tells of ``channels``."""
    return record_each(
        name, frames, lambda index, frame: oracle.run(frame).result(index), lambda: oracle.events, oracle.maps, channels
    )


def record_each(
    name: str,
    frames: Iterable[T],
    run: Callable[[int, T], FrameResult],
    events: Callable[[], Sequence[Event]],
    maps: Callable[[], Contents],
    channels: Iterable[str],
) -> Record:
    """The same of anything: ``run`` gets each frame with its number; ``events``: what the last one told the host;
    ``maps``: at the end."""
    results: list[FrameResult] = []
    told: list[tuple[int, Event]] = []
    for index, frame in enumerate(frames):
        results.append(run(index, frame))
        told += [(index, event) for event in events()]
    return Record(name, results, maps(), by_channel(channels, told))


def compare(left: Record, right: Record, source: Input | None = None) -> Difference | None:
    """The first difference, None if there is none. With ``source`` it names the instruction that wrote the byte.

    Frames come before events, and these before maps. A redirect target, channels and maps are compared if both tell
    them.
    """
    names = (left.name, right.name)
    if len(left.results) != len(right.results):
        counts = (f"{len(left.results)} frames", f"{len(right.results)} frames")
        return Difference(names, "number of frames", counts, frame=min(len(left.results), len(right.results)))
    for a, b in zip(left.results, right.results, strict=True):
        if found := _frame_difference(names, a, b):
            return _with_frame_writer(found, source)
    for channel in sorted(left.told.keys() & right.told.keys()):
        if found := _event_difference(names, channel, left.told[channel], right.told[channel]):
            return found
    for name in left.maps.keys() & right.maps.keys():
        if found := _map_difference(names, name, left.maps[name], right.maps[name]):
            return _with_map_writer(found, source)
    return None


def _frame_difference(names: tuple[str, str], a: FrameResult, b: FrameResult) -> Difference | None:
    if a.verdict != b.verdict:
        return Difference(names, "verdict", (str(a.verdict), str(b.verdict)), frame=a.index)
    if a.redirect is not None and b.redirect is not None and a.redirect != b.redirect:
        return Difference(names, "redirect", (str(a.redirect), str(b.redirect)), frame=a.index)
    if a.out == b.out:
        return None
    if a.out is None or b.out is None or len(a.out) != len(b.out):
        lengths = tuple("no frame" if x is None else f"{len(x)} bytes" for x in (a.out, b.out))
        return Difference(names, "length", (lengths[0], lengths[1]), frame=a.index)
    offset = next(i for i, (x, y) in enumerate(zip(a.out, b.out, strict=True)) if x != y)
    values = (f"0x{a.out[offset]:02x}", f"0x{b.out[offset]:02x}")
    return Difference(names, "byte", values, frame=a.index, offset=offset)


def _event_difference(
    names: tuple[str, str], channel: str, a: Sequence[tuple[int, str]], b: Sequence[tuple[int, str]]
) -> Difference | None:
    what, nothing = ("line", "nothing printed") if channel == PRINTED else (f"record of {channel}", "no record")
    end = (max((frame for frame, _ in (*a, *b)), default=0), nothing)
    for x, y in zip_longest(a, b, fillvalue=None):
        if x != y:
            (frame, left), (other, right) = x or end, y or end
            first = min(frame, other)
            shown = tuple(text if at == first else nothing for at, text in ((frame, left), (other, right)))
            return Difference(names, what, (shown[0], shown[1]), frame=first)
    return None


def _map_difference(
    names: tuple[str, str], name: str, a: Mapping[bytes, bytes], b: Mapping[bytes, bytes]
) -> Difference | None:
    for key in sorted(a.keys() | b.keys()):
        x, y = a.get(key), b.get(key)
        if x == y:
            continue
        if x is None or y is None:
            values = tuple("no entry" if v is None else v.hex() for v in (x, y))
            return Difference(names, "entry", (values[0], values[1]), map=name, key=key)
        offset = next(i for i, (p, q) in enumerate(zip(x, y, strict=True)) if p != q)
        hexes = (f"0x{x[offset]:02x}", f"0x{y[offset]:02x}")
        return Difference(names, "value", hexes, offset=offset, map=name, key=key)
    return None


def _with_frame_writer(found: Difference, source: Input | None) -> Difference:
    if source is None or found.frame is None or found.offset is None:
        return found
    place = source.interpret(found.frame + 1).frame_writer(found.offset)
    return replace(found, place=place)


def _with_map_writer(found: Difference, source: Input | None) -> Difference:
    if source is None or found.map is None or found.key is None:
        return found
    if not source.maps[found.map].key_size:
        return replace(found, what="entry")  # values of queues and stacks move, so nobody knows who wrote one
    writer = source.interpret(len(source.frames)).map_writer(found.map, found.key, found.offset or 0)
    return found if writer is None else replace(found, place=writer[0], written_in=writer[1])
