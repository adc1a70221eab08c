"""Whether loops get on: every iteration must begin in another state than the one before, or the loop never ends."""

from __future__ import annotations

from itertools import count

from ..spec import ProgramSpec
from .call import Environment
from .context import Context, Visit
from .failure import Category, Failure
from .functions import Analyses, Functions
from .join import Join, shape
from .limits import Limits, Rejection
from .state import State, Step

_FEW = 8
"""States at a loop header that are compared with those of the iteration before."""

_MANY_ROUNDS = 64
"""Rounds of a loop without numbers that show something new each time; then it is left alone, being safe with them."""


class Progress(Functions):
    """Watches the headers of loops. ``is_numbered``: see `explore.Explorer`."""

    def __init__(
        self, program: ProgramSpec, env: Environment, limits: Limits, is_numbered: bool, analyses: Analyses | None
    ) -> None:
        super().__init__(program, env, analyses)
        self._limits = limits
        self._is_numbered = is_numbered
        self._lossy = False
        self._fresh = count(1).__next__
        self._headers: dict[tuple[Context, int, tuple[int, ...]], list[State]] = {}

    def _check_progress(self, visit: Visit) -> None:
        """At the header of a loop: the states must not be those of one iteration before, or it never ends."""
        loops = visit.context.flow.nests[visit.slot].loops
        if not loops or loops[-1] != visit.slot:
            return
        iteration = visit.iterations[-1]
        if iteration > (self._limits.iterations if self._is_numbered else _MANY_ROUNDS):
            raise self._endless(visit)
        loop = (visit.context, visit.slot, visit.iterations[:-1])
        if not self._is_numbered:  # it ends, as was shown with numbers
            seen = self._headers.setdefault(loop, [])
            visit.states = [state for state in visit.states if not self._is_covered(state, seen)]
            seen += [state.copy() for state in visit.states[: _FEW - len(seen)]]
            return
        if self._repeats(self._program.instructions[visit.slot]):
            return  # the helper counts
        before = self._headers.get(loop, []) if iteration else []
        self._headers[loop] = [state.copy() for state in visit.states]
        if before and self._same(before, visit.states):
            state = visit.states[0]
            state.history = Step(visit.slot, state.depth, state.history)
            failure = Failure(
                Category.LOOP,
                "an iteration ends in the state it began in, so nothing bounds the loop",
                "count the iterations in a variable and compare it with a constant",
            )
            lossy = any(state.lossy for state in (*before, *visit.states))
            raise Rejection(self._error(failure, visit.slot, state), not lossy)

    def _is_covered(self, state: State, by: list[State]) -> bool:
        """Whether one of the states ``by`` allows all that ``state`` allows."""
        return any(shape(state) == shape(other) and not Join(other, state, self._fresh).lost_a for other in by)

    def _same(self, before: list[State], after: list[State]) -> bool:
        """Whether two sets of states are equal; large ones count as different."""

        def equal(a: State, b: State) -> bool:
            join = Join(a, b, self._fresh)
            return not join.lost_a and not join.lost_b

        if len(before) != len(after) or len(after) > _FEW:
            return False
        return all(any(equal(a, b) for a in before) for b in after)
