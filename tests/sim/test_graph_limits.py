"""Graphs that would take all time and memory are refused in time, with the instruction that takes most."""

import pytest
from assembler import Label
from hardpath.codegen.flow import maps_of
from hardpath.codegen.graph import build, builder
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused


def write(a):
    """Bytes are copied, and two words divided: that takes most."""
    out = Label()
    a.move(0, imm=2)
    a.frame(64, out)
    for offset in range(20):
        a.load(1, 3, 6, offset)
        a.store(1, 6, 40 + offset, src=3)
    a.load(4, 4, 6, 0)
    a.load(4, 5, 6, 4)
    a.emit(0x3F, 4, 5)  # r4 /= r5
    a.store(8, 6, 32, src=4)
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
    assert "--slot" not in str(refused.value)  # which only helps programs that others follow
