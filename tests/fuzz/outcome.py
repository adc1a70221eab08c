"""What becomes of one case: equal to Linux, refused, or wrong; wrong ones are made smaller."""

from __future__ import annotations

import re
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path

from case import Case, Features
from hardpath.codegen.spec import ProgramSpec
from hardpath.hdl.errors import HardpathError, Refused, VerificationError
from hardpath.sim.compare import compare
from hardpath.sim.linux import kernel_verdict
from hardpath.sim.memory import Trap
from kinds import kinds
from patience import TooSlow, patience
from reduce import listing, reduce
from stages import Stage, interpreter, truth

PATIENCE = 60  # seconds of CPU time for one program in one stage


@dataclass(frozen=True)
class Problem:
    """``kind`` tells problems apart while a program is made smaller. ``frames``: how many show it, if known."""

    kind: str
    report: str
    frames: int | None = None


@dataclass(frozen=True)
class Outcome:
    """``summary``: what is counted. ``report``: what there is to say if it is wrong. ``ran``: see `kinds`."""

    summary: str
    report: str = ""
    ran: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def wrong(self) -> bool:
        return bool(self.report)


def problem(stage: Stage, case: Case, executed: set[int] | None = None) -> Problem | None:
    """What is wrong with what interpreter and stage make of a program that Linux accepts; None if nothing is.

    Raises Refused or VerificationError if hardpath does not take it.
    """
    try:
        interpreted = interpreter(case, executed)
        right = truth(case, interpreted)
        records = [interpreted] if stage is interpreter else [interpreted, stage(case)]
    except (Refused, VerificationError):
        raise
    except Trap as trap:
        return Problem(trap.reason, str(trap))
    except TooSlow:
        return Problem("slow", f"no result in {PATIENCE} s of CPU time")
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} {Path(where.filename).name}:{where.lineno}"
        return Problem(kind, f"{kind} {error}")
    for made in records:
        if difference := compare(right, made, case.input()):
            frames = None if difference.frame is None else difference.frame + 1
            return Problem(f"{made.name} {difference.what}", str(difference), frames)
    return None


def smaller(stage: Stage, wrong: Problem, case: Case) -> Case:
    """Less of the program, and no frames behind the first wrong one, with the same kind of problem."""
    case = replace(case, frames=case.frames[: wrong.frames])

    def still(candidate: ProgramSpec) -> bool:
        changed = case.running(candidate)
        try:
            found = problem(stage, changed) if kernel_verdict(candidate, case.maps)[0] else None
        except HardpathError:
            return False
        return found is not None and found.kind == wrong.kind

    return case.running(reduce(case.program, still))


def fuzz(stage: Stage, seed: int, frames: int, features: Features) -> Outcome:
    """One generated program, taken to ``stage``."""
    case = Case.of(seed, frames, features)
    if not kernel_verdict(case.program, case.maps)[0]:
        return Outcome("rejected by Linux")
    executed: set[int] = set()
    try:
        with patience(PATIENCE):
            wrong = problem(stage, case, executed)
    except Refused as refused:
        return Outcome(f"refused: {_numberless(refused.reason)}")
    except VerificationError as error:
        return Outcome(f"verification failed: {error.category}: {_numberless(error.reason)}")
    if wrong is None:
        return Outcome("equal", ran=frozenset(kinds(case.program, executed)))
    if wrong.kind == "slow":
        return Outcome("SLOW", f"SLOW: seed {seed}: {wrong.report}")
    small = smaller(stage, wrong, case)
    after = problem(stage, small) or wrong
    return Outcome("DIFFERENT", f"DIFFERENT: seed {seed}\n{listing(small.program)}\n{after.report}")


def _numberless(text: str) -> str:
    return re.sub("[0-9]+", "N", text)
