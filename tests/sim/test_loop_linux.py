"""bpf_loop: interpreter and graph against Linux, with bounds from the frame, early ends, and loops in loops."""

import random
from dataclasses import replace

import pytest
from agreement import trio
from assembler import FP, Label
from hardpath.codegen.graph import build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.passes import run_passes
from hardpath.codegen.spec import MapSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.target import Target
from hardpath.sim.linux import available

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

LOOKUP, LOOP = 1, 181
MAPS = {"counts": MapSpec("counts", 2, 4, 8, 8)}
ROUNDS, STOP, INNER, SUM = -8, -16, -24, -32  # on the stack: rounds, where to stop, rounds inside, a sum


def loop(a, function, context):
    """Calls ``function`` as often as r1 says; its argument is the address fp + ``context``, or NULL."""
    a.function(2, function)
    a.move(3, imm=0)
    if context is not None:
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=context)
    a.move(4, imm=0)
    a.call(LOOP)


def program(a, first_argument):
    """Bytes 0, 1 and 2 of the frame (4 bits each) are rounds, where to stop and rounds inside; 8 and 16 are results."""
    outer, inner, out = Label(), Label(), Label()
    a.move(0, imm=1)
    a.frame(40, out)
    for byte, place in enumerate((ROUNDS, STOP, INNER)):
        a.load(1, 1, 6, byte)
        a.alu(Alu.AND, 1, imm=15)
        a.store(8, FP, place, src=1)
    a.store(8, FP, SUM, imm=0)
    first_argument(a)
    loop(a, outer, SUM)
    a.store(8, 6, 8, src=0)
    a.load(8, 1, FP, SUM)
    a.store(8, 6, 16, src=1)
    a.move(0, imm=2)
    a.place(out)
    a.exit()

    a.place(outer)  # sum += iteration, then the inner loop; 1 at STOP
    a.move(7, src=1)
    a.move(8, src=2)
    a.load(8, 3, 2, 0)
    a.alu(Alu.ADD, 3, src=1)
    a.store(8, 2, 0, src=3)
    a.load(8, 1, 8, INNER - SUM)
    loop(a, inner, None)
    a.load(8, 3, 8, 0)
    a.alu(Alu.MUL, 0, imm=100)
    a.alu(Alu.ADD, 3, src=0)
    a.store(8, 8, 0, src=3)
    a.load(8, 2, 8, STOP - SUM)
    a.move(0, imm=0)
    stop = Label()
    a.jump(Jump.JNE, stop, 7, src=2)
    a.move(0, imm=1)
    a.place(stop)
    a.exit()

    a.place(inner)  # counts[iteration & 7] += 1; 1 where the entry then has three low zeros
    missing = Label()
    a.alu(Alu.AND, 1, imm=7)
    a.store(4, FP, -4, src=1)
    a.map(1, "counts")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    a.jump(Jump.JEQ, missing, 0, imm=0)
    a.load(8, 1, 0, 0)
    a.alu(Alu.ADD, 1, imm=1)
    a.store(8, 0, 0, src=1)
    a.move(0, imm=0)
    a.alu(Alu.AND, 1, imm=7)
    a.jump(Jump.JNE, missing, 1, imm=0)
    a.move(0, imm=1)
    a.exit()
    a.place(missing)
    a.move(0, imm=0)
    a.exit()
    return {0: "test", outer.slot: "outer", inner.slot: "inner"}


def from_the_frame(a):
    a.load(8, 1, FP, ROUNDS)


def too_many_or_few(a):
    """Byte 0: odd is more than bpf_loop takes, even is few."""
    few = Label()
    a.load(8, 1, FP, ROUNDS)
    a.alu(Alu.AND, 1, imm=7)
    a.load(8, 2, FP, ROUNDS)
    a.alu(Alu.AND, 2, imm=8)
    a.jump(Jump.JEQ, few, 2, imm=0)
    a.constant(1, (1 << 32) + 5)
    a.place(few)


@pytest.mark.parametrize("first_argument", [from_the_frame, too_many_or_few])
def test_loops_are_those_of_linux(assemble, first_argument):
    functions = {}
    assembled = assemble(lambda a: functions.update(program(a, first_argument)))
    assembled = replace(assembled, functions=functions)
    rng = random.Random(4)
    graph = run_passes(build(verify(assembled, MAPS)), Target())
    results = set()
    with trio(assembled, MAPS, graph) as three:
        assert three.graph.models.keys() == MAPS.keys()
        for _ in range(400):
            frame = bytes(rng.choice((0, 1, 2, 3, 7, 8, 15, rng.randrange(256))) for _ in range(3)) + rng.randbytes(60)
            results.add(three.run(frame).frame[8:16])
    assert len(results) > 8  # ends of all kinds
