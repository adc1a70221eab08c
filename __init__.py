"""hardpath: XDP programs, in hardware.

``hardpath.load("prog.o").verify().compile().simulate(frames)``: see `hardpath.sim.program`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .hdl.errors import HardpathError as HardpathError
    from .hdl.errors import InputError as InputError
    from .hdl.errors import Refused as Refused
    from .hdl.errors import VerificationError as VerificationError
    from .hdl.target import Target as Target
    from .sim.captures import Frame as Frame
    from .sim.captures import read_capture as read_capture
    from .sim.engine import Options as Options
    from .sim.program import Hardware as Hardware
    from .sim.program import Program as Program
    from .sim.program import Simulation as Simulation
    from .sim.program import Verified as Verified
    from .sim.program import load as load
    from .sim.results import Verdict as Verdict

_HOMES = {
    "Frame": ".sim.captures",
    "Hardware": ".sim.program",
    "HardpathError": ".hdl.errors",
    "InputError": ".hdl.errors",
    "Options": ".sim.engine",
    "Program": ".sim.program",
    "Refused": ".hdl.errors",
    "Simulation": ".sim.program",
    "Target": ".hdl.target",
    "Verdict": ".sim.results",
    "VerificationError": ".hdl.errors",
    "Verified": ".sim.program",
    "load": ".sim.program",
    "read_capture": ".sim.captures",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    """Names of the API are loaded when they are first used: Amaranth and its like take seconds."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_HOMES[name], __name__), name)
    return value


def __dir__() -> list[str]:
    """The names of the API, for who looks around with the help of Python's prompt."""
    return sorted({*globals(), *_HOMES})
