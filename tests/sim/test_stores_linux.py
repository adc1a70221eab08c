"""Stores to the frame at places that depend on it, with loads and joins between them, are as in Linux."""

import random

import pytest
from agreement import trio
from assembler import Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

LENGTH = 64
SUM = 5  # of all that was loaded
END, DATA, FIRST, SECOND = 2, 6, 7, 8


def accesses(a, rng, count):
    """Loads and stores behind a constant and two unknown places that may be the same."""
    for _ in range(count):
        base, size = rng.choice((DATA, FIRST, FIRST, SECOND)), rng.choice((1, 2, 4, 8))
        offset = rng.randrange(24)
        if rng.random() < 0.65:
            a.store(size, base, offset, src=SUM)
            a.alu(Alu.MUL, SUM, imm=0x01000193)
        else:
            a.load(size, 3, base, offset)
            a.alu(Alu.ADD, SUM, src=3)


def program(seed):
    """Two unknown places, and accesses on paths that part and join."""
    rng = random.Random(seed)

    def write(a):
        out = Label()
        a.move(0, imm=2)
        a.frame(LENGTH, out, end=END, scratch=3)
        for register, at, mask in ((FIRST, 0, rng.choice((31, 28))), (SECOND, 1, rng.choice((31, 7)))):
            a.load(1, register, DATA, at)
            a.alu(Alu.AND, register, imm=mask)
            a.alu(Alu.ADD, register, src=DATA)
            a.move(4, src=register)
            a.alu(Alu.ADD, 4, imm=32)
            a.jump(Jump.JGT, out, 4, src=END)
        a.load(4, SUM, DATA, 2)
        for _ in range(rng.randrange(2, 5)):
            accesses(a, rng, rng.randrange(4))
            other, end = Label(), Label()
            a.jump(Jump.JSET, other, SUM, imm=1 << rng.randrange(31))
            accesses(a, rng, rng.randrange(5))
            if rng.random() < 0.3:  # what FIRST is then depends on the path
                a.move(FIRST, src=SECOND)
            a.jump(Jump.JA, end)
            a.place(other)
            accesses(a, rng, rng.randrange(5))
            a.place(end)
        accesses(a, rng, 3)
        a.store(8, DATA, LENGTH - 8, src=SUM)
        a.move(0, imm=3)
        a.place(out)
        a.exit()

    return write


@pytest.mark.parametrize("seed", range(25))
def test_stores_and_loads_at_unknown_places_are_as_in_linux(seed, assemble):
    subject = assemble(program(seed))
    rng = random.Random(seed)
    with trio(subject, {}) as three:
        for _ in range(60):
            assert three.run(rng.randbytes(LENGTH + rng.randrange(3))).verdict == 3
