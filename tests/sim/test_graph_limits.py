"""Graphs that would take all time and memory are refused while they are built, with the instruction that takes most."""

import pytest
from assembler import FP, Label
from hardpath.codegen.flow import maps_of
from hardpath.codegen.graph import build, builder
from hardpath.codegen.isa import Alu
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused


def write(a):
    """Bytes are added up, and one is stored to a place of the stack that the frame chooses: that takes most."""
    out = Label()
    a.move(0, imm=2)
    a.frame(64, out)
    a.load(1, 4, 6, 0)
    for offset in range(1, 10):
        a.load(1, 3, 6, offset)
        a.alu(Alu.ADD, 4, src=3)
    for word in range(-64, 0, 8):
        a.store(8, FP, word, imm=0)
    a.alu(Alu.AND, 4, imm=63)
    a.alu(Alu.ADD, 4, src=FP)
    a.store(1, 4, -64, src=3)
    for word in range(-64, 0, 8):
        a.load(8, 5, FP, word)
        a.store(8, 6, 64 + word, src=5)
    a.place(out)
    a.exit()


def test_a_graph_that_is_too_large_is_refused_at_what_takes_most(assemble, monkeypatch):
    program = assemble(write)
    verified = verify(program, maps_of(program, {}))
    size = len(build(verified).nodes)
    monkeypatch.setattr(builder, "MOST_NODES", size // 2)
    with pytest.raises(Refused, match=f"more than {size // 2} operators") as refused:
        build(verified)
    assert refused.value.place is not None
    assert refused.value.place.instruction == "*(u8 *)(r4 - 64) = r3"
    assert "--slot" not in str(refused.value)  # which only helps programs that others follow
