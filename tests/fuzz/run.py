"""Fuzzing: random programs on random frames, hardpath against Linux.

    python tests/fuzz/run.py --programs 2000 --seed 1 --stage graph

Needs root (the Linux verifier chooses the programs, the kernel runs them). Stage "soundness" is another question:
damaged programs, and whether any that verification accepts traps in the interpreter. Exit status 1 if anything
is wrong.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from generator import Features, generate
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import HardpathError, InputError, Refused, VerificationError
from hardpath.sim.compare import Input, compare
from hardpath.sim.linux import available, kernel_verdict
from hardpath.sim.memory import Trap
from hardpath.sim.traffic_random import random_frames
from mutate import mutate
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


def soundness(seed: int, frames: int, features: Features) -> str:
    """A damaged program: whatever verification accepts must never trap in the interpreter."""
    program, maps = generate(seed, features)
    program = mutate(program, random.Random(seed))
    if not _verifies(program, maps):
        return "verification failed"
    traffic = list(random_frames(seed, frames))
    if _trap(program, maps, traffic) is None:
        return "accepted, no trap"

    def still(candidate: ProgramSpec) -> bool:
        return _verifies(candidate, maps) and _trap(candidate, maps, traffic) is not None

    small = reduce(program, still)
    return f"DIFFERENT: seed {seed}: verification accepts\n{listing(small)}\n{_trap(small, maps, traffic)}"


def _verifies(program: ProgramSpec, maps: Mapping[str, MapSpec]) -> bool:
    try:
        verify(program, maps)
    except HardpathError:
        return False
    return True


def _trap(program: ProgramSpec, maps: Mapping[str, MapSpec], frames: Sequence[bytes]) -> Trap | None:
    try:
        interpreter(program, maps, frames)
    except Trap as trap:
        return trap
    return None


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=200, help="programs to generate")
    parser.add_argument("--frames", type=int, default=50, help="frames for each program")
    parser.add_argument("--seed", type=int, default=1, help="the first program's seed; the next has the next number")
    parser.add_argument("--stage", choices=[*STAGES, "soundness"], default="passes", help="how far to take them")
    parser.add_argument("--netlist", type=int, default=0, help="take so many of them to the netlist as well")
    parser.add_argument("--stop", type=int, default=3, help="give up after so many differences")
    parser.add_argument("--statements", type=int, default=Features.statements, help="size of the programs")
    options = parser.parse_args()
    if reason := available():
        print(reason)
        return 2
    return campaign(options)


def campaign(options: argparse.Namespace) -> int:
    """All programs; prints reports as they come and a summary."""
    seeds = range(options.seed, options.seed + options.programs)
    features = Features(statements=options.statements)
    wrong = 0
    if options.stage == "soundness":
        wrong += several(options, "soundness", seeds, lambda seed: soundness(seed, options.frames, features))
    else:
        stage = STAGES[options.stage]
        wrong += several(options, options.stage, seeds, lambda seed: fuzz(stage, seed, options.frames, features))
    if options.netlist:
        small = replace(features, statements=min(10, features.statements))
        taken = seeds[: options.netlist]
        wrong += several(options, "netlist", taken, lambda seed: fuzz(STAGES["netlist"], seed, options.frames, small))
    return int(wrong > 0)


def several(options: argparse.Namespace, name: str, seeds: Sequence[int], outcome_of: Callable[[int], str]) -> int:
    """Runs all seeds through ``outcome_of``; returns how many were wrong."""
    counts: Counter[str] = Counter()
    started = time.monotonic()
    for seed in seeds:
        outcome = outcome_of(seed)
        if outcome.startswith("DIFFERENT"):
            print(outcome, flush=True)
            outcome = "DIFFERENT"
        counts[outcome] += 1
        if counts["DIFFERENT"] >= options.stop:
            break
    print(f"{sum(counts.values())} programs, stage {name}, {time.monotonic() - started:.0f} s")
    for outcome, count in counts.most_common():
        print(f"{count:7} {outcome}")
    return counts["DIFFERENT"]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(str(error))
