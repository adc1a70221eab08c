"""A pointer to a value is used after another key was inserted: interpreter, graph and hardware against Linux."""

import random

import pytest
from agreement import trio
from assembler import FP, Label
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec, ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.sim.captures import Frame
from hardpath.sim.compare import compare
from hardpath.sim.linux import available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

LOOKUP, UPDATE, DELETE = 1, 2, 3
BPF_ANY, BPF_NOEXIST, BPF_EXIST = 0, 1, 2
NO_PREALLOC = 1
SPECS = {
    "hash": MapSpec("m", 1, 4, 8, 16),
    "full": MapSpec("m", 1, 4, 8, 3),
    "allocated": MapSpec("m", 1, 4, 8, 3, NO_PREALLOC),
    "percpu": MapSpec("m", 5, 4, 8, 16),
    "lru": MapSpec("m", 9, 4, 8, 1024),  # never full
}


def using_a_pointer_after_an_insert(flags):
    """Looks key frame[0] up, updates key frame[1] with frame[2], adds 1 behind the pointer; now and then a delete."""

    def write(a):
        out, none, keep = Label(), Label(), Label()
        a.move(0, imm=1)
        a.frame(14, out)
        a.store(4, FP, -8, imm=0)
        for at, byte in ((-4, 0), (-8, 1), (-16, 2)):
            a.load(1, 7, 6, byte)
            a.store(8 if at == -16 else 4, FP, at, src=7)
        key(a, LOOKUP, -4)
        a.move(8, src=0)
        key(a, UPDATE, -8, flags)
        a.move(9, src=0)
        a.jump(Jump.JEQ, none, 8, imm=0)
        a.load(8, 1, 8, 0)
        a.alu(Alu.ADD, 1, imm=1)
        a.store(8, 8, 0, src=1)
        a.store(1, 6, 3, src=1)
        a.place(none)
        a.store(1, 6, 4, src=9)
        a.load(1, 1, 6, 5)
        a.jump(Jump.JGT, keep, 1, imm=60)
        key(a, DELETE, -4)
        a.place(keep)
        a.move(0, imm=3)
        a.place(out)
        a.exit()

    return write


def key(a, helper, at, flags=0):
    a.map(1, "m")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=at)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-16)
    a.move(4, imm=flags)
    a.call(helper)


def frames(count):
    rng = random.Random(7)
    return [bytes((rng.randrange(8), rng.randrange(8))) + rng.randbytes(20) for _ in range(count)]


@pytest.mark.parametrize("name", SPECS)
def test_inserts_leave_pointers_alone(assemble, name):
    maps = {"m": SPECS[name]}
    program = assemble(using_a_pointer_after_an_insert(BPF_NOEXIST))
    with trio(program, maps) as three:
        assert three.graph.models.keys() == maps.keys()
        for frame in frames(600):
            three.run(frame)


@pytest.mark.parametrize("flags", [BPF_ANY, BPF_EXIST])
def test_what_may_replace_the_value_ends_its_pointers(assemble, flags):
    program = assemble(using_a_pointer_after_an_insert(flags))
    with pytest.raises(Refused, match="used after an update or delete of that map"):
        build(verify(program, {"m": SPECS["hash"]}))


@pytest.mark.skipif(not has_compiler(), reason="a C++ compiler is missing: apt install g++")
@pytest.mark.parametrize("name", ["full", "percpu"])
def test_the_hardware_does_the_same_back_to_back(assemble, name):
    program = assemble(using_a_pointer_after_an_insert(BPF_NOEXIST))
    session = Session(compile_program(ObjectSpec("test", (program,), {"m": SPECS[name]}), program))
    inputs = [Frame(data) for data in frames(400)]
    assert compare(session.hardware(engine("verilator"), inputs), session.linux(inputs)) is None
