"""Stack that was never written: zero where it is only copied, and everything else as in Linux."""

from dataclasses import replace

import pytest
from assembler import FP, Label
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.hdl.helpers.events import Event
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available

LOOKUP, UPDATE, RINGBUF_OUTPUT, LOOP = 1, 2, 130, 181
MAPS = {
    "copied": MapSpec("copied", 2, 4, 16, 1),
    "updated": MapSpec("updated", 1, 4, 16, 4),
    "told": MapSpec("told", 27, 0, 0, 4096),
}
DEFINED = (*range(4), *range(8, 16))
"""Bytes of the structure that are written: 4, padding of 4, 8."""


def program(a):
    """Bytes of the frame go into a structure with padding; it is copied into the frame, two maps and a ring."""
    out, null = Label(), Label()
    a.frame(40, out)
    a.store(4, FP, -4, imm=0)
    a.load(4, 7, 6, 0)
    a.store(4, FP, -32, src=7)
    a.load(8, 8, 6, 4)
    a.store(8, FP, -24, src=8)
    a.load(8, 7, FP, -32)  # half of it padding
    a.store(8, 6, 16, src=7)
    a.store(8, 6, 24, src=8)
    a.map(1, "copied")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    a.jump(Jump.JEQ, null, 0, imm=0)
    a.store(8, 0, 0, src=7)
    a.store(8, 0, 8, src=8)
    a.place(null)
    a.map(1, "updated")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-32)
    a.move(4, imm=0)
    a.call(UPDATE)
    a.map(1, "told")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-32)
    a.move(3, imm=16)
    a.move(4, imm=0)
    a.call(RINGBUF_OUTPUT)
    a.place(out)
    a.move(0, imm=2)
    a.exit()


@pytest.fixture
def frame():
    return bytes(range(100, 164))


def test_it_is_zero_and_said_to_be_undefined(assemble, frame):
    assembled = assemble(program)
    verified = verify(assembled, MAPS)
    assert [remark.split(" go into ")[1].split(",")[0] for remark in verified.remarks.values()] == [
        "the frame",
        "map copied",
        "map updated",
        "map told",
    ]
    interpreter, graph = Interpreter(assembled, MAPS), Evaluator(build(verified, zero_stack=True), MAPS)
    expected = frame[:4] + bytes(4) + frame[4:12]
    result = graph.run(frame)
    assert interpreter.run(frame).frame[16:32] == result.frame[16:32] == expected
    assert interpreter.events == list(result.events) == [Event("told", expected.hex())]
    contents = {"copied": {bytes(4): expected}, "updated": {bytes(4): expected}, "told": {}}
    assert interpreter.maps() == contents
    models = {name: dict(model.items()) for name, model in graph.models.items()}
    assert models == {name: content for name, content in contents.items() if name in models}
    assert {"copied", "updated"} <= set(models)


@pytest.mark.linux
@pytest.mark.skipif(available() is not None, reason=str(available()))
def test_what_was_written_is_that_of_linux(assemble, frame):
    assembled = assemble(program)
    interpreter = Interpreter(assembled, MAPS, fill=0x5A)
    with LinuxOracle(assembled, MAPS) as linux:
        there, here = linux.run(frame).frame, interpreter.run(frame).frame
        maps = linux.maps()
    assert [there[16 + i] for i in DEFINED] == [here[16 + i] for i in DEFINED]
    assert here[20:24] == b"\x5a" * 4
    for name in ("copied", "updated"):
        content = interpreter.maps()[name]
        value, other = content[bytes(4)], maps[name][bytes(4)]
        assert [value[i] for i in DEFINED] == [other[i] for i in DEFINED]


def in_functions(a):
    """Functions that copy stack which they never wrote into a map: one that is called in a loop, one that calls it, and
    one that a helper calls. The kernel's own functions have used that stack before."""
    middle, inner, back, again = Label(), Label(), Label(), Label()
    a.move(6, imm=3)
    a.place(again)
    a.call_local(middle)
    a.alu(Alu.ADD, 6, imm=-1)
    a.jump(Jump.JNE, again, 6, imm=0)
    a.move(1, imm=2)
    a.function(2, back)
    a.move(3, imm=0)
    a.move(4, imm=0)
    a.call(LOOP)
    a.move(0, imm=2)
    a.exit()
    a.place(middle)
    in_functions.functions = {0: "test", a.slot: "middle"}
    a.load(8, 7, FP, -40)
    a.store(8, FP, -8, src=7)
    a.call_local(inner)
    a.exit()
    for name, label in (("inner", inner), ("back", back)):
        a.place(label)
        in_functions.functions[a.slot] = name
        a.store(4, FP, -4, imm=0)
        a.map(1, "updated")
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-4)
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=-160)
        a.move(4, imm=0)
        a.call(UPDATE)
        a.move(0, imm=0)
        a.exit()


def large_numbers(a):
    """Numbers from which constants nearly as large as a stack are taken, beside stack that was never written."""
    out, inner = Label(), Label()
    a.frame(40, out)
    a.load(8, 3, FP, -40)
    a.store(8, 6, 16, src=3)
    a.load(1, 7, 6, 0)
    a.alu(Alu.ADD, 7, imm=-400)
    a.move(1, src=7)
    a.call_local(inner)
    a.store(8, 6, 8, src=0)
    a.place(out)
    a.move(0, imm=2)
    a.exit()
    a.place(inner)
    large_numbers.functions = {0: "test", a.slot: "inner"}
    a.move(0, src=1)
    a.alu(Alu.ADD, 0, imm=-300)
    a.exit()


@pytest.mark.linux
@pytest.mark.skipif(available() is not None, reason=str(available()))
@pytest.mark.parametrize("write", [program, in_functions, large_numbers])
def test_linux_has_zeros_as_well_if_asked(assemble, frame, write):
    assembled = assemble(write)
    if write is not program:
        assembled = replace(assembled, functions=write.functions)
    graph = Evaluator(build(verify(assembled, MAPS), zero_stack=True), MAPS)
    with LinuxOracle(assembled, MAPS, zero_stack=True) as linux:
        for _ in range(3):
            assert linux.run(frame).frame == graph.run(frame).frame
        maps = linux.maps()
    assert {name: maps[name] for name in graph.models} == {name: dict(m.items()) for name, m in graph.models.items()}


def test_hardware_for_it_is_built_only_if_zeros_are_asked_for(assemble):
    with pytest.raises(Refused, match="--zero-stack") as refused:
        build(verify(assemble(program), MAPS))
    assert "never written go into the frame" in str(refused.value)
