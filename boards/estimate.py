"""What is far too large for a board is said before synthesis, which would take hours and all memory to say the same."""

from __future__ import annotations

from collections.abc import Sequence

from ..codegen.emit.area import heaviest
from ..codegen.flow import Design
from ..hdl.area import Area, Device
from ..hdl.errors import Refused

MOST = 8.0
"""Times a device's scarcest resource, by the estimate, above which synthesis is not tried: estimates of operators alone
have been found several times too high."""


def refuse_hopeless(device: Device, designs: Sequence[Design]) -> None:
    """Raise `Refused` if the designs are far more than a device holds, with the part and the instruction that take
    most."""
    share, resource = device.share(_total(designs))
    if share <= MOST:
        return
    design = max(designs, key=lambda each: device.share(_total([each]))[0])
    part = max(design.area, key=lambda name: _taken(device, design.area[name], resource))
    own = _taken(device, design.area[part], resource)
    slot = heaviest(design.graph)
    raise Refused(
        f"by the estimate this takes {share:.1f} times the {resource} of {device.name} ({own:.1f} for "
        f"{'the ' if not part.startswith('map ') else ''}{part} alone), so synthesis is not tried",
        "make maps smaller (--map-size), bound loops by smaller constants and offsets into the frame more tightly, or "
        "let frames come further apart (--ii); `hardpath compile` writes Verilog for larger devices",
        None if slot is None else design.program.place(slot),
    )


def _total(designs: Sequence[Design]) -> Area:
    return sum((area for design in designs for area in design.area.values()), Area())


def _taken(device: Device, area: Area, resource: str) -> float:
    """How many devices of one resource an area needs."""
    return device.shares(area)[resource]
