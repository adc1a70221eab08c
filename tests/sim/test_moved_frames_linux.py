"""Frame pointers from before a helper that moves the frame: what may still be done with them, as in Linux."""

import random
from itertools import product

import pytest
from agreement import trio
from assembler import CTX, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

HELPERS = {"head": 44, "tail": 65, "meta": 54}
SIZES = {"head": (-16, 24), "tail": (-30, 40), "meta": (-16, -4)}


def program(helper, by):
    """Writes how old and new pointers to both ends of the frame compare and differ into the new frame."""

    def write(a):
        out = Label()
        a.move(9, src=CTX)
        a.move(0, imm=2)
        a.frame(30, out, end=7, scratch=8)
        a.load(1, 8, 6, 0)
        a.alu(Alu.AND, 8, imm=15)
        a.alu(Alu.ADD, 8, src=6)  # a stale pointer at a variable place
        a.move(1, src=9)
        a.move(2, imm=by)
        a.call(HELPERS[helper])
        a.alu(Alu.ADD, 6, imm=2)
        a.move(0, imm=2)
        a.frame(20, out, ctx=9, data=4, end=5, scratch=1)
        for place, (old, new) in enumerate(product((6, 7, 8), (4, 5, 1))):
            a.move(2, src=old)
            a.alu(Alu.SUB, 2, src=new, bits=32)
            a.store(2, 4, 2 * place, src=2)
        a.move(3, imm=0)
        for bit, (op, x, y) in enumerate(
            [(Jump.JGT, 6, 4), (Jump.JEQ, 7, 5), (Jump.JLT, 8, 1), (Jump.JGE, 5, 7), (Jump.JNE, 8, 6), (Jump.JLE, 4, 8)]
        ):
            skip = Label()
            a.jump(op, skip, x, src=y)
            a.alu(Alu.OR, 3, imm=1 << bit)
            a.place(skip)
        a.store(1, 4, 18, src=3)
        a.move(2, src=7)
        a.alu(Alu.SUB, 2, src=6)
        a.store(1, 4, 19, src=2)
        a.move(0, imm=3)
        a.place(out)
        a.exit()

    return write


@pytest.mark.parametrize(("helper", "by"), [(name, by) for name in HELPERS for by in SIZES[name]])
def test_old_pointers_compare_and_differ_as_in_linux(assemble, helper, by):
    subject = assemble(program(helper, by))
    rng, sent = random.Random(1), 0
    with trio(subject, {}) as three:
        for _ in range(150):
            sent += three.run(rng.randbytes(rng.randrange(14, 90))).verdict == 3
    assert sent > 20
