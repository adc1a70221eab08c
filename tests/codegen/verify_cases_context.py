"""Verification of the context: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX
from hardpath.codegen.isa import Alu
from verify_programs import case, leave


@case("invalid context access")
def writes_the_context(a):
    a.move(2, imm=0)
    a.store(4, CTX, 16, src=2)
    leave(a)


@case("invalid context access")
def reads_half_a_field(a):
    a.load(2, 0, CTX, 12)
    leave(a)


@case("invalid context access")
def reads_egress_ifindex(a):
    a.load(4, 0, CTX, 20)
    leave(a)


@case("invalid context access")
def reads_through_a_moved_context(a):
    a.alu(Alu.ADD, CTX, imm=4)
    a.load(4, 0, CTX, 8)
    leave(a)
