"""Fuzzing: random programs on random frames, hardpath against Linux.

    python tests/fuzz/run.py --programs 2000 --seed 1 --stage graph

Needs root (the Linux verifier chooses the programs, the kernel runs them). Exit status 1 if anything differs.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generator import Features, generate
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.hdl.errors import HardpathError, InputError, Refused, VerificationError
from hardpath.sim.compare import Input, compare
from hardpath.sim.linux import available, kernel_verdict
from hardpath.sim.memory import Trap
from hardpath.sim.traffic_random import random_frames
from reduce import listing, reduce
from stages import STAGES, Stage, interpreter, linux


@dataclass(frozen=True)
class Problem:
    """``kind`` tells problems apart while a program is made smaller."""

    kind: str
    report: str


def problem(stage: Stage, program: ProgramSpec, maps: Mapping[str, MapSpec], frames: Sequence[bytes]) -> Problem | None:
    """What is wrong with what a stage makes of a program that Linux accepts; None if nothing is.

    Raises Refused or VerificationError if hardpath does not take it.
    """
    try:
        made = stage(program, maps, frames)
    except (Refused, VerificationError):
        raise
    except Trap as trap:
        return Problem(trap.reason, str(trap))
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} {Path(where.filename).name}:{where.lineno}"
        return Problem(kind, f"{kind} {error}")
    difference = compare(linux(program, maps, frames), made, Input(program, maps, frames, {}))
    return None if difference is None else Problem(difference.what, str(difference))


def smaller(
    stage: Stage, wrong: Problem, program: ProgramSpec, maps: Mapping[str, MapSpec], frames: Sequence[bytes]
) -> ProgramSpec:
    """Less of the program with the same kind of problem, and as well behaved for the interpreter as before."""

    def still(candidate: ProgramSpec) -> bool:
        try:
            if not kernel_verdict(candidate, maps)[0]:
                return False
            if stage is not interpreter and problem(interpreter, candidate, maps, frames):
                return False
            found = problem(stage, candidate, maps, frames)
        except HardpathError:
            return False
        return found is not None and found.kind == wrong.kind

    return reduce(program, still)


def fuzz(stage: Stage, seed: int, frames: int, features: Features) -> str:
    """One program: what became of it, in one line, or a report of what is wrong with it."""
    program, maps = generate(seed, features)
    if not kernel_verdict(program, maps)[0]:
        return "rejected by Linux"
    traffic = list(random_frames(seed, frames))
    try:
        wrong = problem(stage, program, maps, traffic)
    except Refused as refused:
        return f"refused: {re.sub('[0-9]+', 'N', refused.reason)}"
    except VerificationError as error:
        return f"verification failed: {error.category}: {re.sub('[0-9]+', 'N', error.reason)}"
    if wrong is None:
        return "equal"
    small = smaller(stage, wrong, program, maps, traffic)
    after = problem(stage, small, maps, traffic)
    report = after.report if after else wrong.report
    return f"DIFFERENT: seed {seed}\n{listing(small)}\n{report}"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=200, help="programs to generate")
    parser.add_argument("--frames", type=int, default=50, help="frames for each program")
    parser.add_argument("--seed", type=int, default=1, help="the first program's seed; the next has the next number")
    parser.add_argument("--stage", choices=sorted(STAGES), default="interpreter")
    parser.add_argument("--stop", type=int, default=3, help="give up after so many differences")
    parser.add_argument("--statements", type=int, default=Features.statements, help="size of the programs")
    options = parser.parse_args()
    if reason := available():
        print(reason)
        return 2
    return campaign(options)


def campaign(options: argparse.Namespace) -> int:
    """All programs; prints reports as they come and a summary."""
    features = Features(statements=options.statements)
    counts: Counter[str] = Counter()
    started = time.monotonic()
    different = 0
    for seed in range(options.seed, options.seed + options.programs):
        outcome = fuzz(STAGES[options.stage], seed, options.frames, features)
        if outcome.startswith("DIFFERENT"):
            print(outcome, flush=True)
            different += 1
            outcome = "DIFFERENT"
        counts[outcome] += 1
        if different >= options.stop:
            break
    print(f"{sum(counts.values())} programs, stage {options.stage}, {time.monotonic() - started:.0f} s")
    for outcome, count in counts.most_common():
        print(f"{count:7} {outcome}")
    return int(different > 0)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(str(error))
