"""What is put to the test: a program with its maps, what is in them, and frames."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from generator import Features, generate
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.hdl.target import Target
from hardpath.sim.compare import Input
from hardpath.sim.engine import Options
from hardpath.sim.mapfile import Contents
from hardpath.sim.traffic_random import random_frames
from map_kinds import random_contents

QUICK = Options(quick=True)  # programs see some tens of frames
CLOCKS = (125.0, 125.0, 60.0, 250.0)  # MHz
WIDTHS = (8, 16, 32, 64)  # bytes a beat
INTERVALS = (1, 1, 1, 2, 3, 5, 8, 84)  # cycles from frame to frame, at least
CHANCES = (1.0, 1.0, 0.5)  # that a cycle offers a beat, or takes one


@dataclass(frozen=True)
class Case:
    """``contents``: what the host puts into maps before the first frame. ``target``: what it is compiled for.

    ``options``: how frames go in and out of the netlist.
    """

    program: ProgramSpec
    maps: Mapping[str, MapSpec]
    frames: Sequence[bytes]
    contents: Contents
    target: Target = field(default_factory=Target)
    options: Options = QUICK

    @classmethod
    def of(cls, seed: int, frames: int, features: Features | None = None) -> Case:
        """The case of a seed, with so many frames."""
        program, maps = generate(seed, features)
        rng = random.Random(seed)
        contents = random_contents(rng, maps)
        ii = random.Random(f"ii {seed}").choice(INTERVALS)
        target = Target(clock_mhz=rng.choice(CLOCKS), width=rng.choice(WIDTHS), ii=ii)
        options = replace(QUICK, offer=rng.choice(CHANCES), take=rng.choice(CHANCES), seed=seed)
        return cls(program, maps, list(random_frames(seed, frames)), contents, target, options)

    def running(self, program: ProgramSpec) -> Case:
        """The same with another program."""
        return replace(self, program=program)

    def input(self) -> Input:
        return Input(self.program, self.maps, self.frames, self.contents)
