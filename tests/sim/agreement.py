"""The promise, as tests ask for it: hardware, the interpreter and Linux agree on every frame and every map."""

from __future__ import annotations

from collections.abc import Sequence

from hardpath.sim import linux
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Input, Record, compare
from hardpath.sim.session import Session, engine


def agree(session: Session, frames: Sequence[Frame]) -> Record:
    """What the hardware made of the frames, back to back, which is what the others make of them: Linux too, where it
    is allowed, which then must have all that the program needs."""
    hardware = session.hardware(engine("verilator"), frames)
    source = Input(session.design.program, session.maps, [frame.data for frame in frames], session.contents)
    oracles = [session.interpreter(frames)]
    if linux.available() is None:
        assert session.without_linux(frames) is None
        oracles.append(session.linux(frames))
    for oracle in oracles:
        assert hardware.maps.keys() == oracle.maps.keys()
        difference = compare(hardware, oracle, source)
        assert difference is None, str(difference)
    return hardware
