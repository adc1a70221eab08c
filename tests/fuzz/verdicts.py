"""Fuzzing the verifier: its verdicts on random programs, safe and unsafe, against those of Linux.

    python tests/fuzz/verdicts.py --programs 5000 --seed 1

What hardpath accepts runs in the interpreter on random frames. A program that misbehaves there is unsound: it is made
smaller and printed. So is a program that Linux rejects and hardpath accepts for no reason of `imprecision.Forgotten`.
What only one of the two accepts is counted by reason. Needs root. Exit status 1 if anything is unsound or unexplained,
or if Linux accepts what hardpath rejects.
"""

from __future__ import annotations

import argparse
import datetime
import re
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parent))

from generator import Features, generate
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import available, kernel_verdict
from hardpath.sim.memory import Trap
from hardpath.sim.traffic_random import random_frames
from imprecision import forgotten
from mutate import corrupt, mutate
from outcome import Outcome
from reduce import listing, reduce

UNSAFE = 0.8
"""The share of programs that are changed."""

FRAMES = 12
"""Frames that an accepted program runs on."""

Maps = Mapping[str, MapSpec]


def program(seed: int, features: Features) -> tuple[ProgramSpec, Maps]:
    """A random program, most of them damaged: slightly, so that checks just miss, or anyhow."""
    rng = Random(seed)
    # What Linux says of a chain has the slots of one of its programs.
    whole, maps = generate(seed, replace(features, without=features.without | {"tail_call"}))
    if rng.random() >= UNSAFE:
        return whole, maps
    return (mutate if rng.random() < 0.7 else corrupt)(whole, rng), maps


def verdict(code: ProgramSpec, maps: Maps) -> str:
    """hardpath's: "accepted", or why not, without numbers."""
    try:
        verify(code, maps)
    except VerificationError as error:
        return f"rejected: {error.category}: {_numberless(error.reason)}"
    except Refused as refused:
        return f"refused: {_numberless(refused.reason)}"
    return "accepted"


def compare(seed: int, features: Features) -> Outcome:
    """The two verdicts on one program, and whether what hardpath accepts misbehaves."""
    code, maps = program(seed, features)
    accepted, log = kernel_verdict(code, maps)
    ours = verdict(code, maps)
    if accepted and ours.startswith("rejected"):
        return Outcome("INCOMPLETE", f"INCOMPLETE: seed {seed}: Linux accepts, hardpath {ours}")
    if ours != "accepted":
        return Outcome(f"Linux {'accepts' if accepted else 'rejects'}, hardpath {_short(ours, accepted)}")
    frames = list(random_frames(seed, FRAMES))
    if misbehaviour(code, maps, frames) is None:
        return Outcome("Linux accepts, hardpath accepted") if accepted else _only_ours(seed, code, maps, log)

    def still(candidate: ProgramSpec) -> bool:
        return verdict(candidate, maps) == "accepted" and misbehaviour(candidate, maps, frames) is not None

    small = reduce(code, still)
    report = f"UNSOUND: seed {seed}: hardpath accepts\n{listing(small)}\n{misbehaviour(small, maps, frames)}"
    return Outcome("UNSOUND", report)


def misbehaviour(code: ProgramSpec, maps: Maps, frames: Sequence[bytes]) -> str | None:
    """What a safe program never does: a trap in the interpreter, or a verdict that depends on what the stack held."""
    one, other = Interpreter(code, maps), Interpreter(code, maps, fill=0xA5)
    try:
        for frame in frames:
            if one.run(frame).r0 != other.run(frame).r0:
                return "the verdict depends on stack that was never written"
    except Trap as trap:
        return str(trap)
    return None


def _only_ours(seed: int, code: ProgramSpec, maps: Maps, log: str) -> Outcome:
    """What becomes of a program that hardpath alone accepts."""
    why = forgotten(code, maps, log)
    if why is not None:
        return Outcome(f"only hardpath accepts: {why.value}")

    def still(candidate: ProgramSpec) -> bool:
        taken, said = kernel_verdict(candidate, maps)
        return not taken and verdict(candidate, maps) == "accepted" and forgotten(candidate, maps, said) is None

    return Outcome("UNEXPLAINED", f"UNEXPLAINED: seed {seed}: hardpath accepts\n{listing(reduce(code, still))}\n{log}")


def _short(ours: str, accepted: bool) -> str:
    """Reasons count only where Linux accepts."""
    return ours if accepted else ours.split(":")[0]


def _numberless(text: str) -> str:
    return re.sub("-?[0-9]+", "N", text)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=500, help="programs to generate")
    parser.add_argument("--seed", type=int, default=1, help="the first program's seed; the next has the next number")
    parser.add_argument("--statements", type=int, default=8, help="size of the programs")
    options = parser.parse_args()
    if reason := available():
        print(reason)
        return 2
    features = Features(options.statements)
    counts: Counter[str] = Counter()
    wrong = False
    started = time.monotonic()
    for seed in range(options.seed, options.seed + options.programs):
        outcome = compare(seed, features)
        counts[outcome.summary] += 1
        wrong = wrong or outcome.wrong
        if outcome.wrong:
            print(outcome.report, flush=True)
    today, took = datetime.datetime.now(datetime.UTC).date(), time.monotonic() - started
    print(f"{counts.total()} programs, from seed {options.seed}, verdicts of Linux and hardpath, {today}, {took:.0f} s")
    for summary, count in counts.most_common():
        print(f"{count:7} {summary}")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main())
