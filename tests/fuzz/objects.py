"""Damaged objects through load, verification and compilation: a result or one clear line, soon.

    python tests/fuzz/objects.py --mutations 5000 --seed 1 examples/*/*.o

What damage does not change (it may hit debug information only) is compiled once. Where Linux can be asked, it is
also asked about every program that verification accepts. Exit status 1 if there is a traceback or no end in time.
"""

from __future__ import annotations

import argparse
import datetime
import random
import sys
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from damage import damage
from hardpath.codegen.elf import select
from hardpath.codegen.elf.load import load_bytes
from hardpath.codegen.flow import compile_program, maps_of
from hardpath.codegen.spec import ObjectSpec, ProgramSpec
from hardpath.hdl.errors import HardpathError, InputError, Refused, VerificationError
from hardpath.sim.linux import available, kernel_verdict
from patience import TooSlow, patience

ROOT = Path(__file__).parents[2]
LIMIT = 10  # seconds of CPU time for one object
OUTCOMES = ("compiled", "refused", "verification failed", "bad input", "program unusable")
PROGRESS = 60  # seconds between two lines that say how far it is


@dataclass
class Campaign:
    """Everything that happened. ``known``: outcomes of programs, by all that they are made of."""

    ask_linux: bool
    counts: Counter[str] = field(default_factory=Counter)
    stricter: Counter[str] = field(default_factory=Counter)
    known: dict[str, str] = field(default_factory=dict)
    wrong: int = 0

    def object(self, name: str, contents: bytes, limit: float = LIMIT) -> None:
        """One damaged object."""
        try:
            with patience(limit):
                self.counts[self.outcome(contents)] += 1
        except TooSlow:
            self.fail(name, f"no end after {limit} s of CPU time")
        except Exception:
            self.fail(name, traceback.format_exc())

    def fail(self, name: str, report: str) -> None:
        self.wrong += 1
        self.counts["WRONG"] += 1
        print(f"WRONG: {name}: {report}", flush=True)

    def outcome(self, contents: bytes) -> str:
        """How far the program that gets furthest gets."""
        try:
            spec = load_bytes("damaged.o", contents)
        except InputError:
            return "unreadable"
        outcomes = {self.program(spec, program) for program in spec.programs}
        return next((each for each in OUTCOMES if each in outcomes), "no program")

    def program(self, spec: ObjectSpec, program: ProgramSpec) -> str:
        try:
            program = select(spec, program.name, program.section)
        except HardpathError:
            return "program unusable"
        identity = repr((program.instructions, program.functions, sorted(maps_of(program, spec.maps).items())))
        if identity not in self.known:
            self.known[identity] = self.compiled(spec, program)
        return self.known[identity]

    def compiled(self, spec: ObjectSpec, program: ProgramSpec) -> str:
        try:
            compile_program(spec, program)
        except VerificationError:
            return "verification failed"
        except Refused as refused:
            str(refused)
            return "refused"
        except InputError as error:
            str(error)
            return "bad input"
        if self.ask_linux:
            self.ask(spec, program)
        return "compiled"

    def ask(self, spec: ObjectSpec, program: ProgramSpec) -> None:
        """Whether Linux accepts what verification accepts; its last words if not."""
        try:
            accepted, log = kernel_verdict(program, maps_of(program, spec.maps))
        except InputError as error:
            accepted, log = False, str(error)
        if not accepted:
            lines = [line for line in log.splitlines() if line and not line.startswith(("processed", "verification"))]
            self.stricter[lines[-1] if lines else "no reason given"] += 1


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "objects", nargs="*", type=Path, help="objects to damage; the examples and test data by default"
    )
    parser.add_argument("--mutations", type=int, default=5000, help="damaged objects")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = sorted([*ROOT.glob("examples/*/*.o"), *ROOT.glob("tests/data/elf/*.o")])
    return run(options.objects or found, options.mutations, options.seed)


def run(paths: Sequence[Path], mutations: int, seed: int) -> int:
    """Damages the objects in turn; prints reports as they come and a summary."""
    campaign = Campaign(available() is None)
    objects = [(path.name, path.read_bytes()) for path in paths]
    started = reported = time.monotonic()
    for number in range(mutations):
        name, contents = objects[number % len(objects)]
        rng = random.Random(f"{seed} {number} {name}")
        campaign.object(f"{name}, mutation {number} of seed {seed}", damage(rng, contents))
        if time.monotonic() - reported > PROGRESS:
            reported = time.monotonic()
            print(f"... {number + 1} of {mutations}, {reported - started:.0f} s", flush=True)
    today, took = datetime.datetime.now(datetime.UTC).date(), time.monotonic() - started
    print(f"{mutations} damaged copies of {len(objects)} objects, seed {seed}, {today}, {took:.0f} s, ", end="")
    print(f"{len(campaign.known)} different programs")
    for outcome, count in campaign.counts.most_common():
        print(f"{count:7} {outcome}")
    for reason, count in campaign.stricter.most_common():
        print(f"{count:7} programs accepted that Linux rejects: {reason}")
    return int(campaign.wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
