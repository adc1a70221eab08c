"""Random programs, legal and damaged: what the kernel accepts is not rejected, what is accepted runs safely."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path

import pytest
from generator import Features, generate
from hardpath.codegen.elf import load
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.codegen.verify import Limits, verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim import linux
from hardpath.sim.interpreter import Interpreter
from mutate import corrupt

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*/*.o"))


def subject(seed: int, rng: random.Random) -> tuple[ProgramSpec, Mapping[str, MapSpec]]:
    """A random program or an example; most of them damaged."""
    if rng.random() < 0.5:
        program, maps = generate(seed, Features(statements=10))
    else:
        specification = load(rng.choice(EXAMPLES))
        program, maps = specification.programs[0], dict(specification.maps)
    return (corrupt(program, rng) if rng.random() < 0.8 else program), maps


@pytest.mark.linux
@pytest.mark.skipif(linux.available() is not None, reason=str(linux.available()))
@pytest.mark.parametrize("seed", range(150))
def test_what_the_kernel_accepts_is_not_rejected(seed: int) -> None:
    program, maps = subject(seed, random.Random(seed))
    accepted, _ = linux.kernel_verdict(program, maps)
    try:
        verify(program, maps, limits=Limits(points=20_000))
    except VerificationError as error:
        assert not accepted, str(error)
    except Refused:
        pass  # no claim about safety


@pytest.mark.parametrize("first", range(1000, 1150, 15))
def test_what_is_accepted_runs_without_a_trap(first: int) -> None:
    accepted = 0
    for seed in range(first, first + 15):
        rng = random.Random(seed)
        program, maps = subject(seed, rng)
        try:
            verify(program, maps, limits=Limits(points=20_000))
        except (VerificationError, Refused):
            continue
        accepted += 1
        machine, other = Interpreter(program, maps), Interpreter(program, maps, fill=0xA5)
        for size in (14, 15, 33, 34, 42, 54, 60, 61, 128, 1500):
            frame = rng.randbytes(size)
            assert machine.run(frame).verdict == other.run(frame).verdict  # whatever was on the stack
    assert accepted
