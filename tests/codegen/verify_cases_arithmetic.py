"""Verification of numbers and pointer arithmetic: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP, Label
from hardpath.codegen.isa import Alu, Jump
from verify_programs import case, frame, leave, lookup, unless_null


@case("unreadable register")
def returns_nothing(a):
    a.exit()


@case("refused")
def returns_a_pointer(a):
    a.move(0, src=CTX)
    a.exit()


@case("invalid pointer arithmetic")
def adds_a_number_without_a_bound(a):
    lookup(a)
    unless_null(a)
    a.load(8, 1, 0, 0)
    a.alu(Alu.ADD, 0, src=1)
    leave(a)


@case("invalid pointer arithmetic")
def masks_a_pointer(a):
    a.alu(Alu.AND, CTX, imm=-8)
    leave(a)


@case("invalid pointer arithmetic")
def moves_the_end_of_the_frame(a):
    a.load(4, 2, CTX, 4)
    a.alu(Alu.SUB, 2, imm=4)
    leave(a)


@case("instruction not allowed")
def shifts_too_far(a):
    a.move(0, imm=1)
    a.alu(Alu.LSH, 0, imm=64)
    a.exit()


@case("instruction not allowed")
def writes_the_frame_pointer(a):
    a.move(FP, imm=0)
    leave(a)


@case("ok")
def copies_learn_together(a):
    out = Label()
    lookup(a)
    unless_null(a)
    a.load(4, 7, 0, 0)
    a.move(8, src=7)
    a.alu(Alu.ADD, 8, imm=2)
    a.jump(Jump.JGT, out, 7, imm=8)
    a.alu(Alu.ADD, 0, src=8)
    a.load(1, 0, 0, 5)  # 8 + 2 + 5 is the last byte
    a.place(out)
    leave(a)


@case("ok")
def subtracts_the_low_halves_of_pointers(a):
    """The difference in 32 bits, as clang computes (__u32)(data_end - data) where both are needed later."""
    frame(a, 14)
    a.alu(Alu.MOV, 5, src=3, bits=32)
    a.move(7, src=5)
    a.alu(Alu.SUB, 7, src=2, bits=32)
    a.alu(Alu.AND, 7, imm=7)
    a.alu(Alu.ADD, 2, src=7)
    leave(a)


@case("refused")
def returns_the_low_half_of_a_pointer(a):
    frame(a, 14)
    a.alu(Alu.MOV, 0, src=2, bits=32)
    a.exit()


@case("refused")
def adds_to_the_low_half_of_a_pointer(a):
    frame(a, 14)
    a.alu(Alu.MOV, 2, src=2, bits=32)
    a.alu(Alu.ADD, 2, imm=4)
    leave(a)
