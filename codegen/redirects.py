"""What the targets of a program's redirects are."""

from __future__ import annotations

from ..hdl.errors import Refused
from ..hdl.helpers.registry import HELPERS
from ..hdl.maps.base import RedirectTarget
from ..hdl.maps.registry import MAP_TYPES
from .flow import Design


def redirect_target(design: Design) -> RedirectTarget | None:
    """Of all redirects of a program; None if it has none.

    The target that leaves the hardware is a number alone, so a program whose numbers could be of two kinds is
    `Refused`.
    """
    found: dict[RedirectTarget, str] = {}
    for spec in design.verified.maps.values():
        if kind := MAP_TYPES[spec.type].redirects_to:
            found.setdefault(kind, f"map {spec.name}")
    for instruction in design.program.instructions:
        helper = HELPERS.get(instruction.imm) if instruction.is_helper_call else None  # none: never reached
        if helper is not None and (kind := helper.redirects_to):
            found.setdefault(kind, helper.name)
    if len(found) > 1:
        (one, here), (other, there), *_ = found.items()
        raise Refused(
            f"{design.program.name} redirects to a {one.value} ({here}) and to a {other.value} ({there}); the number "
            "that comes out does not say which",
            "put it in a NIC with one kind of target, or look at its results with `hardpath sim`",
        )
    return next(iter(found), None)
