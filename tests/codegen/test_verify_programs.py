"""Small programs, one for each rule (`verify_cases`), get the right verdict, message and facts; the kernel agrees."""

from __future__ import annotations

import pytest
from hardpath.codegen.flow import maps_of
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import ProgramSpec
from hardpath.codegen.verify import Limits, verify
from hardpath.codegen.verify.result import Kind, Mixed, Pointer, Scalar, VerifiedProgram
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim import linux
from verify_cases import CASES
from verify_programs import (
    ADJUST_HEAD,
    CTX,
    FP,
    MAPS,
    RANDOM,
    Assembler,
    Label,
    Write,
    build,
    frame,
    leave,
    lookup,
    unless_null,
)


def verdict(program: ProgramSpec) -> str:
    try:
        verify(program, MAPS)
    except VerificationError as error:
        return error.category
    except Refused:
        return "refused"
    return "ok"


@pytest.mark.parametrize("name", CASES)
def test_verdict(name: str) -> None:
    expected, write = CASES[name]
    assert verdict(build(write)) == expected


@pytest.mark.linux
@pytest.mark.skipif(linux.available() is not None, reason=str(linux.available()))
@pytest.mark.parametrize("name", [name for name, (expected, _) in CASES.items() if expected != "refused"])
def test_the_kernel_agrees(name: str) -> None:
    expected, write = CASES[name]
    program = build(write)
    accepted, log = linux.kernel_verdict(program, maps_of(program, MAPS))
    assert accepted == (expected == "ok"), log


# Messages


def rejection(name: str) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        verify(build(CASES[name][1]), MAPS)
    return caught.value


def test_a_rejection_names_what_is_missing_and_the_instructions_that_matter() -> None:
    error = rejection("reads_a_byte_too_much")
    assert "need 15 bytes, but only 14 are proven" in error.reason
    assert error.place.slot == 8
    assert [step.slot for step in error.path] == [0, 1, 5]  # the context, data, the check
    assert "+ 15 > data_end" in error.suggestion


def test_an_access_that_may_lie_in_front_of_the_frame_is_told_by_how_much() -> None:
    error = rejection("reads_at_an_offset_that_may_lie_in_front_of_the_frame")
    assert "the access may begin 4 bytes in front of the frame" in error.reason


def test_the_path_to_a_missing_null_check_is_the_lookup() -> None:
    error = rejection("uses_a_lookup_without_a_check")
    assert [step.instruction for step in error.path] == ["call bpf_map_lookup_elem"]


def test_too_many_iterations_are_refused_with_the_loop() -> None:
    def write(a: Assembler) -> None:
        again = Label()
        a.move(7, imm=0)
        a.place(again)
        a.alu(Alu.ADD, 7, imm=1)
        a.jump(Jump.JLT, again, 7, imm=100)
        leave(a)

    program = build(write)
    assert len(verify(program, MAPS).points) == 1 + 2 * 100 + 2
    with pytest.raises(Refused, match="runs more than 50 times") as caught:
        verify(program, MAPS, limits=Limits(iterations=50))
    assert caught.value.place is not None and caught.value.place.slot == 1


def test_a_state_that_comes_back_on_another_path_is_no_endless_loop() -> None:
    """r8 starts at fp-8 or fp-16, and goes down to fp-16: the second state returns once, on the path of the first."""

    def write(a: Assembler) -> None:
        again, done = Label(), Label()
        a.call(RANDOM)
        a.move(9, src=FP)
        a.alu(Alu.ADD, 9, imm=-16)
        a.move(8, src=9)
        a.jump(Jump.JEQ, again, 0, imm=0)
        a.alu(Alu.ADD, 8, imm=8)
        a.place(again)
        a.jump(Jump.JEQ, done, 8, src=9)
        a.alu(Alu.ADD, 8, imm=-8)
        a.jump(Jump.JA, again)
        a.place(done)
        leave(a)

    verify(build(write), MAPS)


# Facts


def facts(write: Write) -> VerifiedProgram:
    return verify(build(write), MAPS)


def test_points_carry_calls_and_iterations() -> None:
    def write(a: Assembler) -> None:
        function, again = Label(), Label()
        a.move(6, imm=0)
        a.place(again)
        a.call_local(function)
        a.alu(Alu.ADD, 6, imm=1)
        a.jump(Jump.JNE, again, 6, imm=3)
        leave(a)
        a.place(function)
        write.functions = {0: "test", a.slot: "callee"}  # type: ignore[attr-defined]
        a.move(0, imm=0)
        a.exit()

    inside = [p for p in facts(write).points if p.slot == 6]
    assert [(p.calls, p.frame, p.iteration) for p in inside] == [((1,), 1, ((1, i),)) for i in range(3)]


def test_packet_offsets_count_from_the_original_start_of_the_frame() -> None:
    def write(a: Assembler) -> None:
        done = Label()
        a.move(6, src=CTX)
        a.move(2, imm=-8)
        a.call(ADJUST_HEAD)
        a.jump(Jump.JNE, done, 0, imm=0)
        frame_start = 6
        a.move(1, src=frame_start)
        frame(a, 14)
        a.load(1, 0, 2, 0)
        a.place(done)
        leave(a)

    verified = facts(write)
    load = next(p for p in verified.points if p.slot == 13)
    pointer = load.registers[2]
    assert isinstance(pointer, Pointer) and pointer.kind == Kind.PACKET
    assert pointer.offset.smin == pointer.offset.smax == -8
    assert load.head == (-8, -8)


def test_a_register_with_two_kinds_of_values_is_mixed() -> None:
    def write(a: Assembler) -> None:
        other, both = Label(), Label()
        for slot in (-16, -8):
            a.store(8, FP, slot, imm=0)
        lookup(a)
        unless_null(a)
        a.load(1, 1, 0, 0)
        a.jump(Jump.JEQ, other, 1, imm=0)
        a.move(2, src=0)
        a.jump(Jump.JA, both)
        a.place(other)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-16)
        a.place(both)
        a.load(8, 0, 2, 0)
        leave(a)

    program = build(write)
    slot = len(program.instructions) - 3
    fact = next(p for p in verify(program, MAPS).points if p.slot == slot).registers[2]
    assert isinstance(fact, Mixed)
    assert {x.kind for x in fact.alternatives if isinstance(x, Pointer)} == {Kind.MAP_VALUE, Kind.STACK}


def test_infeasible_edges_are_left_out() -> None:
    def write(a: Assembler) -> None:
        skip = Label()
        a.call(RANDOM)
        a.alu(Alu.AND, 0, imm=7)
        a.jump(Jump.JLE, skip, 0, imm=7)
        a.move(0, imm=0)
        a.place(skip)
        a.exit()

    verified = facts(write)
    assert 3 not in {p.slot for p in verified.points}
    result = verified.points[-1].registers[0]
    assert isinstance(result, Scalar) and (result.umin, result.umax, result.mask) == (0, 7, 7)
