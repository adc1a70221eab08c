"""Verification of the stack: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP
from hardpath.codegen.isa import Alu
from verify_programs import RANDOM, case, frame, leave


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
def reads_stack_that_was_never_written(a):
    a.load(8, 0, FP, -8)
    leave(a)


@case("invalid stack access")
def a_variable_index_beyond_the_stack(a):
    for slot in range(-32, 0, 8):
        a.store(8, FP, slot, imm=0)
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=63)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-32)
    a.alu(Alu.ADD, 1, src=0)
    a.load(1, 0, 1, 0)
    leave(a)


@case("ok")
def a_variable_index_into_the_stack(a):
    for slot in range(-32, 0, 8):
        a.store(8, FP, slot, imm=0)
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=31)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-32)
    a.alu(Alu.ADD, 1, src=0)
    a.load(1, 0, 1, 0)
    leave(a)
