"""Stack that was never written: zero where it is only copied, and everything else as in Linux."""

import pytest
from assembler import FP, Label
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available

LOOKUP, UPDATE = 1, 2
MAPS = {"copied": MapSpec("copied", 2, 4, 16, 1), "updated": MapSpec("updated", 1, 4, 16, 4)}
DEFINED = (*range(4), *range(8, 16))
"""Bytes of the structure that are written: 4, padding of 4, 8."""


def program(a):
    """Bytes of the frame go into a structure with padding; it is copied into the frame and two maps."""
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
    ]
    interpreter, graph = Interpreter(assembled, MAPS), Evaluator(build(verified, zero_stack=True), MAPS)
    expected = frame[:4] + bytes(4) + frame[4:12]
    assert interpreter.run(frame).frame[16:32] == graph.run(frame).frame[16:32] == expected
    contents = {"copied": {bytes(4): expected}, "updated": {bytes(4): expected}}
    assert interpreter.maps() == contents
    assert {name: dict(model.items()) for name, model in graph.models.items()} == contents


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
    for name, content in interpreter.maps().items():
        value, other = content[bytes(4)], maps[name][bytes(4)]
        assert [value[i] for i in DEFINED] == [other[i] for i in DEFINED]


def test_hardware_for_it_is_built_only_if_zeros_are_asked_for(assemble):
    with pytest.raises(Refused, match="--zero-stack") as refused:
        build(verify(assemble(program), MAPS))
    assert "never written go into the frame" in str(refused.value)
