"""Verification of records in ring buffers and perf buffers: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from verify_cases_iterators import destroy, loop, new
from verify_programs import LOOP, RANDOM, call_back, callee, case, frame, goes_on, leave, tail_call

PERF_OUTPUT, OUTPUT, RESERVE, SUBMIT, DISCARD = 25, 130, 131, 132, 133
MISUSE = "invalid use of a record"


def ask(a: Assembler, size: int = 16, ring: str = "ring") -> None:
    """r0: the record, or NULL."""
    a.map(1, ring)
    a.move(2, imm=size)
    a.move(3, imm=0)
    a.call(RESERVE)


def reserve(a: Assembler, into: int = 6, size: int = 16, ring: str = "ring") -> None:
    ask(a, size, ring)
    a.move(into, src=0)


def or_leave(a: Assembler, register: int = 6) -> None:
    there = Label()
    a.jump(Jump.JNE, there, register, imm=0)
    leave(a)
    a.place(there)


def fill(a: Assembler, register: int = 6, size: int = 16) -> None:
    for at in range(0, size, 8):
        a.store(8, register, at, imm=at)


def give_back(a: Assembler, register: int = 6, helper: int = SUBMIT) -> None:
    a.move(1, src=register)
    a.move(2, imm=0)
    a.call(helper)


def record_if_there_is_room(a: Assembler) -> None:
    none = Label()
    reserve(a)
    a.jump(Jump.JEQ, none, 6, imm=0)
    fill(a)
    give_back(a)
    a.place(none)


def begun(a: Assembler) -> None:
    reserve(a)
    or_leave(a)
    fill(a)


def stack(a: Assembler, pointer: int) -> None:
    """16 bytes, of which 8 were never written."""
    a.store(8, FP, -8, imm=1)
    a.move(pointer, src=FP)
    a.alu(Alu.ADD, pointer, imm=-16)
    a.move(pointer + 1, imm=16)


@case("ok")
def copies_stack_that_was_never_written_into_a_ring(a):
    a.map(1, "ring")
    stack(a, 2)
    a.move(4, imm=0)
    a.call(OUTPUT)
    leave(a)


@case("ok")
def copies_stack_that_was_never_written_into_a_perf_buffer(a):
    a.map(2, "perf")
    a.constant(3, 0xFFFFFFFF)
    stack(a, 4)
    a.call(PERF_OUTPUT)
    leave(a)


@case("ok")
def fills_and_submits_a_record(a):
    begun(a)
    give_back(a)
    leave(a)


@case("ok")
def discards_a_record_that_is_empty(a):
    reserve(a)
    or_leave(a)
    give_back(a, helper=DISCARD)
    leave(a)


@case("ok")
def a_loop_of_records(a):
    again, out = Label(), Label()
    a.move(7, imm=0)
    a.place(again)
    reserve(a)
    a.jump(Jump.JEQ, out, 6, imm=0)
    fill(a)
    give_back(a)
    a.alu(Alu.ADD, 7, imm=1)
    a.jump(Jump.JLT, again, 7, imm=5)
    a.place(out)
    leave(a)


@case("ok")
def a_bounded_place_in_a_record(a):
    begun(a)
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=15)
    a.move(1, src=6)
    a.alu(Alu.ADD, 1, src=0)
    a.store(1, 1, 0, imm=1)
    a.load(1, 2, 1, 0)
    give_back(a)
    leave(a)


@case("ok")
def a_record_is_memory_for_helpers(a):
    begun(a)
    a.map(1, "ring")
    a.move(2, src=6)
    a.move(3, imm=16)
    a.move(4, imm=0)
    a.call(OUTPUT)
    give_back(a)
    leave(a)


@case("refused")
def reads_what_it_never_wrote(a):
    reserve(a)
    or_leave(a)
    a.load(8, 1, 6, 0)
    give_back(a)
    leave(a)


@case(MISUSE)
def forgets_a_record(a):
    begun(a)
    leave(a)


@case(MISUSE)
def forgets_a_record_on_one_way(a):
    other = Label()
    begun(a)
    a.call(RANDOM)
    a.jump(Jump.JEQ, other, 0, imm=0)
    give_back(a)
    a.place(other)
    leave(a)


@case(MISUSE)
def forgets_a_record_that_it_did_not_test(a):
    reserve(a)
    leave(a)


@case(MISUSE)
def loses_the_pointer_to_a_record(a):
    begun(a)
    a.move(6, imm=0)
    leave(a)


@case(MISUSE)
def writes_behind_a_record(a):
    begun(a)
    a.store(4, 6, 14, imm=0)
    give_back(a)
    leave(a)


@case(MISUSE)
def writes_at_any_place_of_a_record(a):
    begun(a)
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=31)
    a.alu(Alu.ADD, 0, src=6)
    a.store(1, 0, 0, imm=0)
    give_back(a)
    leave(a)


@case(MISUSE)
def submits_the_middle_of_a_record(a):
    begun(a)
    a.alu(Alu.ADD, 6, imm=8)
    give_back(a)
    leave(a)


@case("unreadable register")
def writes_to_a_record_that_is_gone(a):
    begun(a)
    give_back(a)
    a.store(4, 6, 0, imm=0)
    leave(a)


@case("unreadable register")
def submits_twice(a):
    begun(a)
    give_back(a)
    give_back(a)
    leave(a)


@case("unreadable register")
def uses_a_copy_on_the_stack_of_what_is_gone(a):
    begun(a)
    a.store(8, FP, -8, src=6)
    give_back(a)
    a.load(8, 6, FP, -8)
    a.store(4, 6, 0, imm=0)
    leave(a)


@case("possible NULL dereference")
def does_not_test_a_record(a):
    reserve(a)
    a.store(4, 6, 0, imm=0)
    give_back(a)
    leave(a)


@case("possible NULL dereference")
def submits_what_may_be_null(a):
    reserve(a)
    give_back(a)
    leave(a)


@case("invalid helper argument")
def submits_the_stack(a):
    a.store(8, FP, -8, imm=0)
    a.move(6, src=FP)
    a.alu(Alu.ADD, 6, imm=-8)
    give_back(a)
    leave(a)


@case("invalid helper argument")
def reserves_as_many_bytes_as_chance_wants(a):
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=15)
    a.move(2, src=0)
    a.map(1, "ring")
    a.move(3, imm=0)
    a.call(RESERVE)
    a.move(6, src=0)
    or_leave(a)
    give_back(a, helper=DISCARD)
    leave(a)


@case("invalid helper argument")
def reserves_in_an_array(a):
    reserve(a, ring="array")
    or_leave(a)
    give_back(a)
    leave(a)


@case("invalid helper argument")
def copies_the_frame_into_a_ring(a):
    frame(a, 14)
    a.map(1, "ring")
    a.move(3, imm=14)
    a.move(4, imm=0)
    a.call(OUTPUT)
    leave(a)


@case(MISUSE)
def a_tail_call_with_a_record(a):
    a.move(7, src=CTX)
    begun(a)
    tail_call(a, 7)
    give_back(a)
    leave(a)


@case("ok")
def a_function_gives_a_record_back(a):
    function = Label()
    begun(a)
    a.move(1, src=6)
    a.call_local(function)
    leave(a)
    callee(a_function_gives_a_record_back, a, function)
    a.move(2, imm=0)
    a.call(SUBMIT)
    goes_on(a)


@case("ok")
def a_function_reserves(a):
    function = Label()
    a.call_local(function)
    a.move(6, src=0)
    or_leave(a)
    fill(a)
    give_back(a)
    leave(a)
    callee(a_function_reserves, a, function)
    ask(a)
    a.exit()


@case(MISUSE)
def a_function_called_in_a_loop_keeps_a_record(a):
    a.move(1, imm=2)
    function = call_back(a, LOOP)
    leave(a)
    callee(a_function_called_in_a_loop_keeps_a_record, a, function)
    ask(a)
    goes_on(a)


@case("ok")
def a_record_is_kept_over_a_loop(a):
    begun(a)
    a.move(1, imm=2)
    function = call_back(a, LOOP)
    give_back(a)
    leave(a)
    callee(a_record_is_kept_over_a_loop, a, function)
    record_if_there_is_room(a)
    goes_on(a)


@case("ok")
def a_record_in_each_round_of_an_iterator(a):
    new(a)
    loop(a, record_if_there_is_room)
    destroy(a)
    leave(a)


@case("ok")
def a_record_with_the_frame(a):
    a.store(8, FP, -8, imm=0)
    a.map(2, "perf")
    a.constant(3, (14 << 32) | 0xFFFFFFFF)
    a.move(4, src=FP)
    a.alu(Alu.ADD, 4, imm=-8)
    a.move(5, imm=8)
    a.call(PERF_OUTPUT)
    leave(a)


@case("invalid helper argument")
def a_perf_record_in_a_ring(a):
    a.store(8, FP, -8, imm=0)
    a.map(2, "ring")
    a.constant(3, 0xFFFFFFFF)
    a.move(4, src=FP)
    a.alu(Alu.ADD, 4, imm=-8)
    a.move(5, imm=8)
    a.call(PERF_OUTPUT)
    leave(a)
