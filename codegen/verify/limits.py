"""How much work verification takes on, and how an exploration fails."""

from __future__ import annotations

from dataclasses import dataclass

from ...hdl.errors import HardpathError
from ..spec import ProgramSpec


@dataclass(frozen=True)
class Limits:
    """How much work verification takes on before it refuses a program.

    ``points``: instructions of the unrolled program. ``iterations``: of one loop. ``states``: kept apart at one
    point. ``seconds`` of CPU time, in all, and more for each instruction of a long program (``per_instruction``):
    a short program that takes long is one whose loops explode.
    """

    points: int = 100_000
    iterations: int = 8192
    states: int = 4096
    seconds: float = 6.0
    per_instruction: float = 0.006

    def budget(self, program: ProgramSpec) -> float:
        """Seconds for this program."""
        return self.seconds + self.per_instruction * len(program.instructions)


class Rejection(Exception):
    """An exploration failed with ``error``; keeping more states apart may help unless ``final``. ``limit``: it only
    became too much."""

    def __init__(self, error: HardpathError, final: bool, limit: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.final = final
        self.limit = limit
