"""One helper call for several maps, as compilers leave it where branches end in the same call."""

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

LOOKUP, UPDATE, DELETE = 1, 2, 3
MAPS = {
    "a": MapSpec("a", 1, 4, 8, 4),
    "b": MapSpec("b", 2, 4, 8, 3),
    "c": MapSpec("c", 5, 4, 16, 4),
}


def program(a):
    """Byte 0 chooses the map, byte 1 what to do with it, byte 2 the key; the result is byte 3."""
    maps, chosen, out = [Label(), Label()], Label(), Label()
    a.move(0, imm=1)
    a.frame(40, out)
    a.load(1, 1, 6, 2)
    a.store(4, FP, -4, src=1)
    a.load(1, 7, 6, 0)
    a.jump(Jump.JEQ, maps[0], 7, imm=0)
    a.jump(Jump.JEQ, maps[1], 7, imm=1)
    a.map(1, "a")
    a.jump(Jump.JA, chosen)
    a.place(maps[0])
    a.map(1, "b")
    a.jump(Jump.JA, chosen)
    a.place(maps[1])
    a.map(1, "c")
    a.place(chosen)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.load(1, 7, 6, 1)
    update, delete, show = Label(), Label(), Label()
    a.jump(Jump.JEQ, update, 7, imm=0)
    a.jump(Jump.JEQ, delete, 7, imm=1)
    a.call(LOOKUP)
    a.move(8, imm=77)
    a.jump(Jump.JEQ, show, 0, imm=0)
    a.load(1, 8, 0, 2)
    a.alu(Alu.ADD, 8, imm=1)
    a.store(1, 0, 2, src=8)
    a.jump(Jump.JA, show)
    a.place(update)
    a.move(3, src=6)
    a.alu(Alu.ADD, 3, imm=8)
    a.move(4, imm=0)
    a.call(UPDATE)
    a.move(8, src=0)
    a.jump(Jump.JA, show)
    a.place(delete)
    a.call(DELETE)
    a.move(8, src=0)
    a.place(show)
    a.store(1, 6, 3, src=8)
    a.move(0, imm=2)
    a.place(out)
    a.exit()


def test_each_map_sees_the_calls_meant_for_it(assemble):
    rng, assembled = random.Random(3), assemble(program)
    with trio(assembled, MAPS) as three:
        assert three.graph.models.keys() == MAPS.keys()
        for _ in range(1500):
            choices = bytes([rng.randrange(3), rng.choice((0, 0, 1, 2, 2)), rng.randrange(6)])
            three.run(choices + rng.randbytes(rng.choice((30, 37, 60))))


def program_with_a_number(a):
    """Byte 0 chooses the map that gets an entry. For 0 the register is a number, and what keeps it from the call is
    another condition than what made it one."""
    chosen, out = Label(), Label()
    a.move(0, imm=1)
    a.frame(14, out)
    a.load(1, 7, 6, 0)
    a.store(4, FP, -4, src=7)
    a.store(8, FP, -16, src=7)
    a.move(1, imm=0)
    a.jump(Jump.JEQ, chosen, 7, imm=0)
    a.map(1, "a")
    a.jump(Jump.JEQ, chosen, 7, imm=1)
    a.map(1, "d")
    a.place(chosen)
    a.move(0, imm=2)
    a.move(8, src=7)
    a.alu(Alu.MUL, 8, imm=3)
    a.jump(Jump.JLT, out, 8, imm=2)
    for argument, place in ((2, -4), (3, -16)):
        a.move(argument, src=FP)
        a.alu(Alu.ADD, argument, imm=place)
    a.move(4, imm=0)
    a.call(UPDATE)
    a.move(0, imm=3)
    a.place(out)
    a.exit()


def test_what_is_a_number_elsewhere_is_one_of_the_maps_at_the_call(assemble):
    maps = {name: MapSpec(name, 1, 4, 8, 4) for name in "ad"}
    with trio(assemble(program_with_a_number), maps) as three:
        verdicts = [int(three.run(bytes([byte]) + bytes(30)).verdict) for byte in (0, 1, 2, 3, 0)]
    assert verdicts == [2, 3, 3, 3, 2]
