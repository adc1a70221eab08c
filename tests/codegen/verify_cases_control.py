"""Verification of control flow and loops: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, Label
from hardpath.codegen.isa import Alu, Jump
from verify_programs import RANDOM, case, frame, leave


@case("invalid control flow")
def has_unreachable_code(a):
    leave(a)
    leave(a)


@case("unbounded loop")
def loops_for_ever(a):
    again = Label()
    a.place(again)
    a.call(RANDOM)
    a.jump(Jump.JNE, again, 0, imm=5)
    leave(a)


@case("ok")
def counts_to_a_bound_from_the_frame(a):
    again, done = Label(), Label()
    frame(a, 64)
    a.load(1, 7, 2, 0)
    a.alu(Alu.AND, 7, imm=31)
    a.move(8, imm=0)
    a.move(9, imm=0)
    a.place(again)
    a.jump(Jump.JGE, done, 8, src=7)
    a.move(1, src=2)
    a.alu(Alu.ADD, 1, src=8)
    a.load(1, 0, 2, 1)
    a.alu(Alu.ADD, 9, src=0)
    a.alu(Alu.ADD, 8, imm=1)
    a.jump(Jump.JA, again)
    a.place(done)
    leave(a)


@case("ok")
def an_irreducible_loop_that_ends(a):
    middle, again, done = Label(), Label(), Label()
    a.move(7, imm=0)
    a.call(RANDOM)
    a.jump(Jump.JEQ, middle, 0, imm=0)
    a.place(again)
    a.alu(Alu.ADD, 7, imm=1)
    a.place(middle)
    a.alu(Alu.ADD, 7, imm=1)
    a.jump(Jump.JGT, done, 7, imm=9)
    a.jump(Jump.JA, again)
    a.place(done)
    leave(a)


@case("ok")
def a_flag_remembers_a_check(a):
    """Joined states do not know that r7 = 1 means "checked"; kept apart, they do."""
    skip, out = Label(), Label()
    a.load(4, 2, CTX, 0)
    a.load(4, 3, CTX, 4)
    a.move(4, src=2)
    a.alu(Alu.ADD, 4, imm=14)
    a.move(7, imm=0)
    a.jump(Jump.JGT, skip, 4, src=3)
    a.move(7, imm=1)
    a.place(skip)
    a.jump(Jump.JEQ, out, 7, imm=0)
    a.load(1, 0, 2, 13)
    a.place(out)
    leave(a)
