"""Kinds of events as JSON, for devices that describe themselves and for whoever reads their events."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from .events import Conversion, Event, EventKind, Line
from .records import Record


def describe(kind: EventKind) -> dict[str, Any]:
    """The kind as JSON has it."""
    assert isinstance(kind, (Line, Record))
    return asdict(kind)


def described(document: dict[str, Any]) -> EventKind:
    """The kind that `describe` told of."""
    if "map" in document:
        return Record(**document)
    conversions = tuple(Conversion(**conversion) for conversion in document["conversions"])
    return Line(document["helper"], tuple(document["text"]), conversions)


def decode(
    beats: Iterable[tuple[int, int, bytes]], kinds: Sequence[EventKind], width: int
) -> Iterator[tuple[int, Event]]:
    """Frame and event, from frame, site and data of each beat. A call makes one event a frame, so beats of one call
    and frame are one event; those behind the first have ``width`` bytes of the frame."""
    for (frame, site), parts in groupby(beats, key=lambda beat: beat[:2]):
        first, *rest = (data for _, _, data in parts)
        tail = b"".join(data[:width] for data in rest)
        yield frame, kinds[site].decode(int.from_bytes(first, "little"), tail)
