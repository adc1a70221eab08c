"""What is put to the test: a program with its maps, what is in them, and frames."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from generator import Features, generate
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.sim.compare import Input
from hardpath.sim.mapfile import Contents
from hardpath.sim.traffic_random import random_frames
from map_kinds import random_contents


@dataclass(frozen=True)
class Case:
    """``contents``: what the host puts into maps before the first frame."""

    program: ProgramSpec
    maps: Mapping[str, MapSpec]
    frames: Sequence[bytes]
    contents: Contents

    @classmethod
    def of(cls, seed: int, frames: int, features: Features | None = None) -> Case:
        """The case of a seed, with so many frames."""
        program, maps = generate(seed, features)
        return cls(program, maps, list(random_frames(seed, frames)), random_contents(random.Random(seed), maps))

    def running(self, program: ProgramSpec) -> Case:
        """The same with another program."""
        return replace(self, program=program)

    def input(self) -> Input:
        return Input(self.program, self.maps, self.frames, self.contents)
