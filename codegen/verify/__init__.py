"""Verification: is a program safe, and what is known at every point of it?

It answers the question that Linux's verifier answers, by abstract interpretation: known bits and ranges of numbers
(`number`, `arithmetic`, `refine`), kinds and offsets of pointers (`values`, `alu`), bytes of stack (`stack`,
`memory`), what bound checks showed of the frame (`branch`), what helpers declare (`call`). `explore` runs the
program on these, with subprograms inlined and loops unrolled, and `join` merges states where paths meet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...hdl.errors import HardpathError, Refused, VerificationError
from ...hdl.helpers.base import HelperPlugin
from ...hdl.helpers.registry import HELPERS
from ...hdl.maps.base import MapPlugin
from ...hdl.maps.registry import MAP_TYPES
from ..spec import MapSpec, ProgramSpec
from ..uncollected import uncollected
from .call import Environment
from .explore import Explorer
from .functions import Analyses
from .join import Apart
from .limits import Deadline, Limits, Rejection
from .report import without_number
from .result import VerifiedProgram

__all__ = ["Limits", "verify"]

_LADDER = (Apart(1), Apart(16, blur=True), Apart(16), Apart(256, blur=True), Apart(256), Apart(4096))
"""States kept apart at a point: first few, because that is fast and mostly enough. Linux keeps all apart, so a program
that fails for lack of it gets more."""


def verify(
    program: ProgramSpec,
    maps: Mapping[str, MapSpec],
    *,
    limits: Limits | None = None,
    helpers: Mapping[int, HelperPlugin] = HELPERS,
    map_types: Mapping[int, MapPlugin] = MAP_TYPES,
) -> VerifiedProgram:
    """Prove a program safe and unroll it.

    Raises `VerificationError` when it is not safe and `Refused` when it cannot become hardware.
    """
    limits = limits or Limits()
    with uncollected():
        return _verify(program, maps, limits, helpers, map_types)


def _verify(
    program: ProgramSpec,
    maps: Mapping[str, MapSpec],
    limits: Limits,
    helpers: Mapping[int, HelperPlugin],
    map_types: Mapping[int, MapPlugin],
) -> VerifiedProgram:
    analyses = Analyses()

    def attempt(apart: Apart, is_numbered: bool, deadline: Deadline) -> tuple[VerifiedProgram, bool]:
        env = Environment(maps, map_types, helpers)
        explorer = Explorer(program, env, limits, apart, deadline, is_numbered, analyses)
        points = explorer.run()
        return VerifiedProgram(program, maps, points, dict(sorted(explorer.remarks.items()))), explorer.has_rounds

    def deadline(is_growing: bool) -> Deadline:
        return Deadline(limits, len(program.instructions), is_growing=is_growing)

    verified, has_rounds = _climb(lambda apart, end: attempt(apart, True, end), deadline)
    if has_rounds:
        try:
            _climb(lambda apart, end: attempt(apart, False, end), lambda _: deadline(False))
        except VerificationError as error:
            raise without_number(error) from None
        except Refused:
            pass  # it is safe; only with less known about it has it become too much
    return verified


def _undecided(limit: HardpathError, failure: HardpathError) -> HardpathError:
    """The error of a program that fails with few states apart, and is too much work with so many that it is sure."""
    if not isinstance(limit, Refused) or not isinstance(failure, VerificationError):
        return failure
    return Refused(
        f"{limit.reason}; with fewer paths kept apart it is not safe ({failure.category}: {failure.reason})",
        failure.suggestion,
        failure.place,
    )


Found = tuple[VerifiedProgram, bool]
"""What an attempt proves, and whether there are rounds that a helper counts."""


def _climb(attempt: Callable[[Apart, Deadline], Found], deadline: Callable[[bool], Deadline]) -> Found:
    """What the first step of the ladder that is enough gives, within a ``deadline`` that is growing or not."""
    error: HardpathError | None = None
    safe: Found | None = None
    end = deadline(True)
    for apart in _LADDER:
        try:
            safe = attempt(apart, end)
            if not safe[0].remarks:
                break
            end = deadline(False)  # it is safe; to get rid of remarks is worth less
        except Rejection as rejection:
            error = _undecided(rejection.error, error) if rejection.limit and error else rejection.error
            if rejection.final:
                break
            if safe is not None and rejection.limit:
                break
    if safe is not None:
        return safe  # perhaps with remarks, which more states apart did not get rid of
    assert error is not None
    raise error
