"""What an exploration says when it fails: places, causal paths, and which loop is to blame."""

from __future__ import annotations

from ...hdl.errors import Refused, VerificationError
from ..spec import ProgramSpec
from .chain import Chain
from .context import Visit
from .explain import causal_path
from .failure import Failure
from .limits import Limits, Rejection
from .state import State


class Reporter:
    """Makes the user's errors."""

    _program: ProgramSpec
    _limits: Limits
    _lossy: bool
    _chain: Chain

    def _error(self, failure: Failure, slot: int, state: State | None = None) -> VerificationError:
        path = causal_path(self._program.instructions, state, failure.registers) if state else []
        return VerificationError(
            failure.category.value,
            failure.reason,
            self._program.place(slot),
            tuple(self._program.place(s) for s in path),
            failure.suggestion,
        )

    def _loop_of(self, visit: Visit) -> str:
        loops = visit.loops
        if not loops and self._chain.circular:
            return "programs that can follow each other in circles by tail calls"
        if not loops:
            return "the program"
        header = max(loops, key=lambda loop: loop[1])[0]
        return f"the loop at {self._program.place(header)}"

    def _endless(self, visit: Visit) -> Rejection:
        refusal = Refused(
            f"{self._loop_of(visit)} runs more than {self._limits.iterations} times",
            "bound the loop by a smaller constant: every iteration becomes hardware",
            self._program.place(visit.slot),
        )
        return Rejection(refusal, not self._lossy, limit=True)

    def _too_much(self, visit: Visit, points: int | None, what: str) -> Rejection:
        """``what`` is too much; ``points``: instructions unrolled so far, if that matters."""
        so_far = "" if points is None else f"; it got to {points} unrolled instructions"
        refusal = Refused(
            f"verification takes {what}, most often in {self._loop_of(visit)}{so_far}",
            "say which program each slot holds, with --slot MAP:INDEX=PROGRAM, so that none comes back to itself"
            if self._chain.circular
            else "bound the loops by smaller constants: every iteration becomes hardware",
            self._program.place(visit.slot),
        )
        return Rejection(refusal, True, limit=True)


def without_number(error: VerificationError) -> VerificationError:
    """The error of a program that is only safe because every round of a helper or iterator has its own number."""
    return VerificationError(
        error.category,
        f"{error.reason}, if the number of the round is not known; Linux does not follow it",
        error.place,
        error.path,
        f"{error.suggestion}; or compare the number that the function gets with a constant first",
    )
