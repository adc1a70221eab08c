"""What happens to programs that are too much work: one clear refusal, and no verdict that was not reached."""

from __future__ import annotations

from functools import partial

import pytest
from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.verify import Limits, verify
from hardpath.codegen.verify.limits import Deadline
from hardpath.hdl.errors import Refused, VerificationError
from verify_programs import build, frame


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


PIECES = 6


def _packs(a: Assembler, *, room: int) -> None:
    """Packs bytes of the frame, or none, one after the other into ``room`` bytes of the stack: each has many places."""
    frame(a, PIECES)
    for at in range(-64, 0, 8):
        a.store(8, FP, at, imm=0)
    a.move(5, src=FP)
    a.alu(Alu.ADD, 5, imm=-room)
    for number in range(PIECES):
        none = Label()
        a.load(1, 1, 2, number)
        a.jump(Jump.JEQ, none, 1, imm=0)
        a.store(1, 5, 0, src=1)
        a.alu(Alu.ADD, 5, imm=1 << number)
        a.place(none)
    a.load(1, 0, FP, -room)
    a.alu(Alu.AND, 0, imm=1)
    a.exit()


def test_pointers_to_many_places_of_the_stack_are_joined() -> None:
    packs = partial(_packs, room=1 << PIECES)
    assert len(verify(build(packs), {}, limits=Limits(states=20)).points) < 100


def test_pointers_that_were_joined_stay_inside_of_the_stack() -> None:
    packs = partial(_packs, room=(1 << PIECES - 1) - 1)  # the last byte lies behind
    with pytest.raises(VerificationError, match="bytes"):
        verify(build(packs), {})
