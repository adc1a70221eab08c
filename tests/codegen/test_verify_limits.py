"""What happens to programs that are too much work: one clear refusal, and no verdict that was not reached."""

from __future__ import annotations

import pytest
from assembler import CTX, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.verify import Limits, verify
from hardpath.codegen.verify.limits import Deadline
from hardpath.hdl.errors import Refused
from verify_programs import build


def _searches_the_end(a: Assembler) -> None:
    """Goes through the frame until it finds data_end: every offset must be kept apart."""
    again, found, out = Label(), Label(), Label()
    a.move(3, imm=0)
    a.load(4, 2, CTX, 0)
    a.load(4, 1, CTX, 4)
    a.place(again)
    a.move(4, src=2)
    a.alu(Alu.ADD, 4, src=3)
    a.alu(Alu.ADD, 4, imm=14)
    a.jump(Jump.JGT, out, 4, src=1)
    a.jump(Jump.JEQ, found, 4, src=1)
    a.alu(Alu.ADD, 3, imm=1)
    a.jump(Jump.JNE, again, 3, imm=400)
    a.jump(Jump.JA, out)
    a.place(found)
    a.alu(Alu.ADD, 2, src=3)
    a.load(1, 0, 2, 13)
    a.place(out)
    a.move(0, imm=2)
    a.exit()


def test_a_loop_with_a_state_for_each_round_is_accepted() -> None:
    assert len(verify(build(_searches_the_end), {}).points) > 2_000


def test_a_failure_that_more_states_might_undo_is_no_verdict() -> None:
    with pytest.raises(Refused) as refused:
        verify(build(_searches_the_end), {}, limits=Limits(states=50))
    assert "more than 50 states" in refused.value.reason
    assert "out-of-bounds packet access" in refused.value.reason


def test_time_grows_with_the_program_and_with_what_it_unrolls_to() -> None:
    limits = Limits()
    assert limits.budget(10) == limits.budget(1_000) == 2.0
    assert limits.budget(10_000) == limits.budget(90_000) == 60.0
    assert 2.0 < limits.budget(2_000) < limits.budget(5_000) < 60.0
    deadline = Deadline(limits, 20, is_growing=True)
    assert deadline.seconds(30) == 2.0
    assert deadline.seconds(10_000) == 60.0
    assert deadline.seconds(30) == 60.0, "what an earlier attempt unrolled counts"
    assert Deadline(limits, 20, is_growing=False).seconds(10_000) == 2.0


def test_what_takes_too_long_is_refused_with_the_time() -> None:
    with pytest.raises(Refused, match="verification takes more than 0 s of CPU time"):
        verify(build(_searches_the_end), {}, limits=Limits(seconds=0.0, most_seconds=0.0))
