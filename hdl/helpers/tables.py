"""Tables of a helper's own: what Linux looks up in itself, the host of the hardware puts into maps.

They are ordinary maps of the design, with a dot in their names, which no map of a program can have.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Table:
    """A map that a helper looks up (sizes in bytes; ``type``, ``flags`` as in `hdl.maps.base.MapShape`).

    ``max_entries`` is what it has unless the user says otherwise. ``summary``: one line for the documentation.
    """

    name: str
    type: int
    key_size: int
    value_size: int
    max_entries: int
    summary: str
    flags: int = 0
