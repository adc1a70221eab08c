"""Where an exploration is: the run of a function that an instruction belongs to, and the points to visit."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...hdl.helpers.base import CallingHelper
from ..isa import FRAME_POINTER
from .chain import Count
from .flow import Flow, Key
from .state import State


@dataclass(eq=False)
class Context:
    """One run of a function: the main program, an inlined subprogram, one iteration of what a ``helper`` calls, or a
    program that took the place of one of these by a tail call.

    ``prefix``: in front of the keys of its points; ``base``: the same of the function that was entered first in this
    place. ``tail_calls``: how many succeeded before.
    """

    flow: Flow
    prefix: Key = ()
    base: Key = ()
    caller: Context | None = None
    call_slot: int = 0
    call_iterations: tuple[int, ...] = ()
    calls: tuple[int, ...] = ()
    outer_iterations: tuple[tuple[int, int], ...] = ()
    helper: CallingHelper | None = None
    tail_calls: Count = field(default_factory=Count)
    _live: dict[int, tuple[int, ...]] = field(default_factory=dict, repr=False)

    @property
    def index(self) -> int:
        """Which iteration of ``helper`` it is."""
        return self.call_iterations[-1]

    @property
    def live_outside(self) -> int:
        """Registers of the caller whose values matter while this runs, as a bit set."""
        assert self.caller is not None
        live = self.caller.flow.live
        if self.helper is not None:  # the call comes again, with its arguments
            return live[self.call_slot]
        return live[self.call_slot + 1] & 0b1111000000  # only r6 to r9 survive a call

    def live_registers(self, slot: int) -> tuple[int, ...]:
        """The registers of all frames, as keys of `State.registers`, whose values matter before a slot."""
        live = self._live.get(slot)
        if live is None:
            chain = self.chain()
            sets = [inner.live_outside for inner in chain[1:]] + [self.flow.live[slot]]
            live = self._live[slot] = tuple(
                depth << 4 | r
                for depth, registers in enumerate(sets)
                for r in range(11)
                if r == FRAME_POINTER or registers >> r & 1
            )
        return live

    def chain(self) -> list[Context]:
        """The contexts from the main program to this one; index is call depth."""
        above = self.caller.chain() if self.caller else []
        return [*above, self]

    def own_chain(self) -> list[Context]:
        """The same from the program on that was entered last by a tail call: all that Linux's limits see."""
        above = self.caller.own_chain() if self.caller and self.prefix == self.base else []
        return [*above, self]


@dataclass
class Visit:
    """A point that has been reached but not yet explored. ``callee``: the run of the function that it calls."""

    context: Context
    slot: int
    iterations: tuple[int, ...]
    states: list[State] = field(default_factory=list)
    callee: Context | None = None

    @property
    def loops(self) -> tuple[tuple[int, int], ...]:
        """Slots of the headers of the loops around it, outermost first, and which iteration of each it is in."""
        inside = self.context.flow.nests[self.slot].loops
        return self.context.outer_iterations + tuple(zip(inside, self.iterations, strict=True))
