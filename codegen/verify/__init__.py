"""Verification: is a program safe, and what is known at every point of it?

It answers the question that Linux's verifier answers, by abstract interpretation: known bits and ranges of numbers
(`number`, `arithmetic`, `refine`), kinds and offsets of pointers (`values`, `alu`), bytes of stack (`stack`,
`memory`), what bound checks showed of the frame (`branch`), what helpers declare (`call`). `explore` runs the
program on these, with subprograms inlined and loops unrolled, and `join` merges states where paths meet.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ...hdl.errors import HardpathError
from ...hdl.helpers.base import HelperPlugin
from ...hdl.helpers.registry import HELPERS
from ...hdl.maps.base import MapPlugin
from ...hdl.maps.registry import MAP_TYPES
from ..spec import MapSpec, ProgramSpec
from .call import Environment
from .explore import Explorer
from .limits import Limits, Rejection
from .result import VerifiedProgram

__all__ = ["Limits", "verify"]

_LADDER = (1, 16, 256, 4096)
"""States of one shape kept apart at a point: first few, because that is fast and mostly enough. Linux keeps
all apart, so a program that fails for lack of it gets more."""


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
    deadline = time.process_time() + limits.budget(program)
    error: HardpathError | None = None
    for per_shape in _LADDER:
        try:
            environment = Environment(maps, map_types, helpers)
            explorer = Explorer(program, environment, limits, per_shape, deadline)
            points = explorer.run()
            return VerifiedProgram(program, maps, points, dict(sorted(explorer.remarks.items())))
        except Rejection as rejection:
            if error is None or not rejection.limit:
                error = rejection.error
            if rejection.final:
                break
    assert error is not None
    raise error
