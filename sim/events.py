"""What a run told the host: the events that engines record, decoded.

A simulation writes a JSON line ``{"frame": index in the input, "site": which call, "data": hexadecimal, the first byte
lowest}`` for each beat of an event. What the user gets has ``{"frame": index, "text": the line}`` for what is printed,
and ``{"frame": index, "map": name, "data": hexadecimal}`` for records, with a ``"value"`` where their type is known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..hdl.errors import InputError
from ..hdl.helpers import event_kinds
from ..hdl.helpers.events import PRINTED, Event, EventKind
from .event_values import EventType

Told = Mapping[str, Sequence[tuple[int, str]]]
"""Events by channel, with the frame's number: their `Event.text` in order."""


def decode_file(
    recorded: Path, path: Path, kinds: Sequence[EventKind], width: int, types: Mapping[str, EventType]
) -> None:
    """Write to ``path``, which may be a pipe or a device, the events that a simulation recorded; ``types``: of records,
    by the name of the map. Raises `InputError`."""
    try:
        with open(path, "w", encoding="ascii") as lines:
            for frame, event in decode(recorded, kinds, width):
                lines.write(json.dumps(document(frame, event, types)) + "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror}: choose another place") from None


def document(frame: int, event: Event, types: Mapping[str, EventType]) -> dict[str, Any]:
    """For JSON."""
    if event.channel == PRINTED:
        return {"frame": frame, "text": event.text}
    record = {"frame": frame, "map": event.channel, "data": event.text}
    if event.channel in types:
        record["value"] = types[event.channel].value(bytes.fromhex(event.text))
    return record


def decode(recorded: Path, kinds: Sequence[EventKind], width: int) -> Iterator[tuple[int, Event]]:
    """Frame and event."""
    with open(recorded, encoding="ascii") as lines:
        yield from decode_lines(lines, kinds, width)


def decode_lines(lines: Iterable[str], kinds: Sequence[EventKind], width: int) -> Iterator[tuple[int, Event]]:
    """The same from lines of such a file, with all beats of each event."""
    beats = (json.loads(text) for text in lines)
    packed = ((beat["frame"], beat["site"], bytes.fromhex(beat["data"])) for beat in beats)
    yield from event_kinds.decode(packed, kinds, width)


def read_events(path: Path) -> Iterator[tuple[int, Event]]:
    """Frame and event of each line that `decode_file` wrote."""
    with open(path, encoding="ascii") as lines:
        for text in lines:
            found = json.loads(text)
            printed = "text" in found
            yield found["frame"], Event(PRINTED, found["text"]) if printed else Event(found["map"], found["data"])


def by_channel(channels: Iterable[str], events: Iterable[tuple[int, Event]]) -> Told:
    """The events of each of these channels, in order."""
    told: dict[str, list[tuple[int, str]]] = {channel: [] for channel in channels}
    for frame, event in events:
        if event.channel in told:
            told[event.channel].append((frame, event.text))
    return told
