"""Verification of the stack: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from verify_programs import CSUM_DIFF, LOOKUP, RANDOM, UPDATE, case, frame, leave, lookup


@case("ok")
def spills_and_fills_a_pointer(a):
    frame(a, 14)
    a.store(8, FP, -8, src=2)
    a.load(8, 5, FP, -8)
    a.load(1, 0, 5, 13)
    leave(a)


@case("invalid memory access")
def an_overwritten_pointer_is_none(a):
    frame(a, 14)
    a.store(8, FP, -8, src=2)
    a.store(8, FP, -8, imm=0)
    a.load(8, 5, FP, -8)
    a.load(1, 0, 5, 13)
    leave(a)


@case("invalid stack access")
def reads_half_of_a_spilled_pointer(a):
    a.store(8, FP, -8, src=CTX)
    a.load(4, 0, FP, -8)
    leave(a)


@case("invalid stack access")
def writes_below_the_stack(a):
    a.store(8, FP, -520, imm=0)
    leave(a)


@case("invalid stack access")
def writes_above_the_stack(a):
    a.store(8, FP, 0, imm=0)
    leave(a)


@case("misaligned access")
def writes_the_stack_misaligned(a):
    a.store(8, FP, -12, imm=0)
    leave(a)


@case("refused")
def returns_stack_that_was_never_written(a):
    a.load(8, 0, FP, -8)
    a.exit()


@case("refused")
def branches_on_stack_that_was_never_written(a):
    skip = Label()
    a.load(4, 0, FP, -8)
    a.jump(Jump.JEQ, skip, 0, imm=0)
    a.place(skip)
    leave(a)


@case("refused")
def looks_up_stack_that_was_never_written(a):
    a.map(1, "array")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-8)
    a.call(LOOKUP)
    leave(a)


@case("ok")
def an_atomic_exchange_gives_the_number_that_was_stored(a):
    """So the other way of the branch, to a byte that is not there, is impossible."""
    fine = Label()
    a.load(4, 6, CTX, 0)
    a.store(8, FP, -8, imm=3)
    a.move(1, imm=7)
    a.atomic(Atomic.XCHG, 8, FP, -8, 1)
    a.jump(Jump.JEQ, fine, 1, imm=3)
    a.load(1, 0, 6, 0)
    a.place(fine)
    leave(a)


@case("ok")
def copies_stack_that_was_never_written(a):
    """A structure with padding, copied into a value."""
    a.store(4, FP, -16, imm=1)
    a.load(8, 7, FP, -16)
    a.store(8, FP, -24, src=7)
    lookup(a, 0)
    a.load(8, 8, FP, -24)
    a.store(8, 0, 0, src=8)
    leave(a)


@case("ok")
def puts_stack_that_was_never_written_into_a_map(a):
    a.store(4, FP, -4, imm=1)
    a.store(4, FP, -24, imm=7)
    a.map(1, "array")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-24)
    a.move(4, imm=0)
    a.call(UPDATE)
    leave(a)


def _reads_a_byte_of_32(a, most):
    """Of the stack, at an index up to ``most``."""
    for slot in range(-32, 0, 8):
        a.store(8, FP, slot, imm=0)
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=most)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-32)
    a.alu(Alu.ADD, 1, src=0)
    a.load(1, 0, 1, 0)
    leave(a)


@case("invalid stack access")
def a_variable_index_beyond_the_stack(a):
    _reads_a_byte_of_32(a, 63)


@case("ok")
def a_variable_index_into_the_stack(a):
    _reads_a_byte_of_32(a, 31)


def _sums_nothing(a, place):
    """bpf_csum_diff of no bytes at ``place`` of the stack."""
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=place)
    a.move(2, imm=0)
    a.move(3, imm=0)
    a.move(4, imm=0)
    a.move(5, imm=0)
    a.call(CSUM_DIFF)
    leave(a)


@case("ok")
def no_bytes_of_the_stack(a):
    _sums_nothing(a, -8)


@case("invalid stack access")
def no_bytes_above_the_stack(a):
    _sums_nothing(a, 0)
