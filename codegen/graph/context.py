"""What all steps of building one graph share."""

from __future__ import annotations

from collections.abc import Mapping

from ...hdl.frame_store import UNIT, read_kind
from ...hdl.helpers.base import HelperPlugin
from ...hdl.helpers.events import EventKind
from ...hdl.maps.base import MapPlugin
from ..verify.result import VerifiedProgram
from .access import Rows
from .construct import Construct
from .extent import Extent
from .ir import INPUTS, Graph, Node
from .predicates import Predicates
from .reservation import Reservation
from .state import State


class BuildContext:
    """``incoming[i]``: states of the edges into point i. ``exits``: state and r0 at every end of the program.
    ``events``: what is told to the host, in program order: kind, and the output; None as long as it is not known.
    ``reservations``: records of ring buffers, by number."""

    def __init__(
        self,
        verified: VerifiedProgram,
        extent: Extent,
        helpers: Mapping[int, HelperPlugin],
        map_types: Mapping[int, MapPlugin],
    ) -> None:
        self.program = verified.program
        self.points = verified.points
        self.maps = verified.maps
        self.extent = extent
        self.helpers = helpers
        self.map_types = map_types
        self.graph = Graph(window=extent.window, headroom=extent.headroom)
        self.c = Construct(self.graph)
        self.p = Predicates(self.c)
        self.rows = Rows(self.c, self.p, self.maps, map_types)
        self.window = self.c.input("window", 8 * extent.window)
        self.received_length = self.c.zext(self.c.input("length", INPUTS["length"]), 64)
        self._stored: dict[tuple[Node, int], list[tuple[Node, int]]] = {}  # (offset, size): reads, their predicates
        self.incoming: list[list[State]] = [[] for _ in self.points]
        self.exits: list[tuple[State, Node]] = []
        self.events: list[tuple[EventKind, Node | None]] = []
        self.reservations: list[Reservation] = []

    def finish_reservations(self) -> None:
        """Make the events of all records."""
        for reservation in self.reservations:
            kind, _ = self.events[reservation.event]
            self.events[reservation.event] = kind, reservation.output(self.c, self.p)

    def zero_byte(self, position: int) -> Node:
        """A byte of memory that nobody wrote."""
        return self.c.const(0, 8)

    def window_byte(self, position: int) -> Node:
        """A byte of the frame as received; the headroom reads as zero, as in Linux's test runs."""
        if 0 <= position < self.extent.window:
            return self.c.slice(self.window, 8 * position, 8)
        return self.c.const(0, 8)

    def stored_byte(self, position: int) -> Node | None:
        """The byte that the frame store gives for a position in the window, None in front of the frame."""
        return self.window_byte(position) if position >= 0 else None

    def stored_bytes(self, predicate: int, offset: Node, size: int) -> Node:
        """``size`` bytes of the frame as received, from the frame store; ``offset`` has 16 bits."""
        reads = self._stored.setdefault((offset, size), [])
        for site, known in reads:
            if self.p.implies(predicate, known):
                return self.c.field(site, "data")
        place = self.c.input("place", INPUTS["place"])
        site = self.rows.site(UNIT, read_kind(size), predicate, place, offset)
        reads.append((site, predicate))
        return self.c.field(site, "data")
