"""Fuzzing: random programs on random frames, hardpath against Linux.

    python tests/fuzz/run.py --programs 2000 --seed 1 --stage passes --jobs 4

Needs root (the Linux verifier chooses the programs, the kernel runs them). Exit status 1 if anything is wrong.
"""

from __future__ import annotations

import argparse
import datetime
import gc
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from hardpath.hdl.errors import InputError
from hardpath.sim.linux import available
from kinds import expected
from outcome import Outcome, fuzz
from stages import STAGES
from writer import Features

SMALL = 10  # statements of programs that go to the netlist
PROGRESS = 60  # seconds between two lines that say how far it is


@dataclass(frozen=True)
class Task:
    """What is done with each seed; it can go to another process."""

    stage: str
    frames: int
    features: Features

    def __call__(self, seed: int) -> Outcome:
        return fuzz(STAGES[self.stage], seed, self.frames, self.features)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--programs", type=int, default=200, help="programs to generate")
    parser.add_argument("--frames", type=int, default=50, help="frames for each program")
    parser.add_argument("--seed", type=int, default=1, help="the first program's seed; the next has the next number")
    parser.add_argument("--stage", choices=[*STAGES], default="passes", help="how far to take them")
    parser.add_argument("--netlist", type=int, default=0, help="take so many of them to the netlist as well")
    parser.add_argument("--stop", type=int, default=3, help="give up after so many that are wrong")
    parser.add_argument("--statements", type=int, default=Features.statements, help="size of the programs")
    parser.add_argument(
        "--without", action="append", default=[], metavar="RULE", help="a kind of statement to leave out"
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args()
    if reason := available():
        print(reason)
        return 2
    return campaign(options)


def campaign(options: argparse.Namespace) -> int:
    """All programs; prints reports as they come and a summary."""
    seeds = range(options.seed, options.seed + options.programs)
    features = Features(options.statements, frozenset(options.without))
    wrong = several(options, Task(options.stage, options.frames, features), seeds)
    if options.netlist:
        small = replace(features, statements=min(SMALL, features.statements))
        wrong += several(options, Task("netlist", options.frames, small), seeds[: options.netlist])
    return int(wrong > 0)


def several(options: argparse.Namespace, task: Task, seeds: Sequence[int]) -> int:
    """Runs all seeds; returns how many were wrong."""
    counts: Counter[str] = Counter()
    ran: Counter[str] = Counter()
    started = reported = time.monotonic()
    wrong = 0
    with outcomes(task, seeds, options.jobs) as results:
        for outcome in results:
            counts[outcome.summary] += 1
            ran.update(outcome.ran)
            if outcome.wrong:
                print(outcome.report, flush=True)
                wrong += 1
                if wrong >= options.stop:
                    break
            if time.monotonic() - reported > PROGRESS:
                reported = time.monotonic()
                print(f"... {counts.total()} of {len(seeds)}, {reported - started:.0f} s", flush=True)
    took = time.monotonic() - started
    today = datetime.datetime.now(datetime.UTC).date()
    first = f"seeds {seeds[0]} to {seeds[0] + counts.total() - 1}"
    print(f"{counts.total()} programs, {task.frames} frames each, {first}, stage {task.stage}, {today}, {took:.0f} s")
    for summary, count in counts.most_common():
        print(f"{count:7} {summary}")
    if ran:
        coverage(ran)
    return wrong


@contextmanager
def outcomes(task: Task, seeds: Sequence[int], jobs: int) -> Iterator[Iterator[Outcome]]:
    """What becomes of the seeds, in order."""
    # Graphs are many small objects without cycles: looking for garbage less often saves a fifth of the time.
    gc.freeze()
    gc.set_threshold(200_000, 50, 50)
    if jobs == 1:
        yield map(task, seeds)
        return
    with multiprocessing.Pool(jobs) as pool:
        yield pool.imap(task, seeds, chunksize=1)


def coverage(ran: Counter[str]) -> None:
    """In how many programs at least one frame reached each kind of instruction."""
    print("Programs in which frames reached each kind of instruction:")
    names = sorted(ran)
    width = max(map(len, names)) + 2
    cells = [f"{name:{width}}{ran[name]:6}" for name in names]
    rows = -(-len(cells) // 3)
    for row in range(rows):
        print("  " + "    ".join(cells[row::rows]))
    missing = [name for name in expected() if name not in ran]
    print("Never reached: " + (", ".join(missing) or "none"))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except InputError as error:
        sys.exit(str(error))
