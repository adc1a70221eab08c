"""What a run made the host print: the events that engines record, decoded.

A simulation writes a JSON line ``{"frame": index in the input, "site": which call, "data": hexadecimal, the first byte
lowest}`` for each event; what the user gets has ``{"frame": index, "text": the line}``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..hdl.errors import InputError
from ..hdl.helpers.events import Line


def decode_file(recorded: Path, path: Path, kinds: Sequence[Line]) -> None:
    """Write to ``path``, which may be a pipe or a device, the events that a simulation recorded. Raises
    `InputError`."""
    try:
        with open(recorded, encoding="ascii") as events, open(path, "w", encoding="ascii") as lines:
            for text in events:
                event = json.loads(text)
                decoded = kinds[event["site"]].decode(int.from_bytes(bytes.fromhex(event["data"]), "little"))
                lines.write(json.dumps({"frame": event["frame"], "text": decoded}) + "\n")
    except OSError as error:
        raise InputError(f"{path}: cannot write: {error.strerror}: choose another place") from None


def read_events(path: Path) -> Iterator[tuple[int, str]]:
    """Frame and line of each decoded event."""
    with open(path, encoding="ascii") as lines:
        for text in lines:
            event = json.loads(text)
            yield event["frame"], event["text"]
