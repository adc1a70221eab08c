"""Pointers to map values that a program collects in an array on its stack, as in Linux."""

import random

import pytest
from agreement import trio
from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

LOOKUP = 1
MAPS = {name: MapSpec(name, 2, 4, 8, 4) for name in "abc"}


def collecting(a):
    """Bytes 0, 1 and 2 are keys into the maps; the values that are there get the numbers of their places in the array
    added, and the result is how many there are."""
    out = Label()
    a.move(0, imm=2)
    a.frame(14, out)
    a.move(7, src=FP)
    a.alu(Alu.ADD, 7, imm=-32)
    a.move(8, imm=0)
    for at, name in enumerate(MAPS):
        none = Label()
        a.load(1, 1, 6, at)
        a.store(4, FP, -40, src=1)
        a.map(1, name)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-40)
        a.call(LOOKUP)
        a.jump(Jump.JEQ, none, 0, imm=0)
        a.store(8, 7, 0, src=0)
        a.alu(Alu.ADD, 7, imm=8)
        a.alu(Alu.ADD, 8, imm=1)
        a.place(none)
    done = Label()
    for place in range(len(MAPS)):
        a.jump(Jump.JLE, done, 8, imm=place)
        a.load(8, 1, FP, -32 + 8 * place)
        a.load(8, 2, 1, 0)
        a.alu(Alu.ADD, 2, imm=place + 1)
        a.store(8, 1, 0, src=2)
    a.place(done)
    a.store(1, 6, 3, src=8)
    a.move(0, imm=3)
    a.place(out)
    a.exit()


def test_pointers_in_an_array_on_the_stack_lead_where_they_do_in_linux(assemble):
    program = assemble(collecting)
    rng, counts = random.Random(3), set()
    with trio(program, MAPS) as three:
        assert three.graph.models.keys() == MAPS.keys()
        for _ in range(300):
            out = three.run(bytes(rng.randrange(7) for _ in range(3)) + rng.randbytes(20)).frame
            assert out is not None
            counts.add(out[3])
    assert counts == {0, 1, 2, 3}
