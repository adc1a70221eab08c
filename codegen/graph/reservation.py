"""Records of ring buffers on their way through the graph: reserved in one place, shown to the host in others.

The event has its place in program order where the record is reserved, as in Linux, and its contents where it is
submitted, which can be in several places on different paths.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .construct import Construct
from .ir import Node
from .predicates import Predicates
from .values import Memory, Merger


@dataclass(slots=True)
class Reservation:
    """A record of ``size`` bytes whose event is number ``event``. ``submitted``: where (a predicate that includes the
    path), and with which contents."""

    size: int
    event: int
    submitted: list[tuple[int, Node | None]] = field(default_factory=list)

    def submit(self, c: Construct, predicate: int, memory: Memory) -> None:
        """The host gets what is in the record now."""
        data = c.concat([memory.byte(i) for i in range(self.size)]) if self.size else None
        self.submitted.append((predicate, data))

    def output(self, c: Construct, p: Predicates) -> Node | None:
        """The event; None if it never happens."""
        if not self.submitted:
            return None
        merger = Merger(c, p, [predicate for predicate, _ in self.submitted])
        happens = p.node(merger.reach)
        contents = [data for _, data in self.submitted if data is not None]
        return c.concat([happens, merger.nodes(contents)]) if contents else happens
