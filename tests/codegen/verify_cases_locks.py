"""Verification of bpf_spin_lock: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from verify_programs import LOOKUP, RANDOM, case, leave, unless_null

LOCK, UNLOCK, OFFSET = 93, 94, 4
MISUSE = "invalid use of a lock"


def find(a: Assembler, into: int, map_name: str = "locked") -> None:
    """A value that is there, for any key."""
    a.call(RANDOM)
    a.store(4, FP, -4, src=0)
    a.map(1, map_name)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    unless_null(a)
    a.move(into, src=0)


def on_lock(a: Assembler, helper: int, pointer: int, offset: int = OFFSET) -> None:
    a.move(1, src=pointer)
    a.alu(Alu.ADD, 1, imm=offset)
    a.call(helper)


@case("ok")
def changes_two_fields_under_a_lock(a):
    find(a, 6)
    on_lock(a, LOCK, 6)
    a.load(4, 1, 6, 0)
    a.store(8, 6, 8, src=1)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case("ok")
def unlocks_on_both_ways(a):
    other = Label()
    find(a, 6)
    on_lock(a, LOCK, 6)
    a.load(4, 7, 6, 0)
    a.jump(Jump.JEQ, other, 7, imm=0)
    on_lock(a, UNLOCK, 6)
    leave(a)
    a.place(other)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case("ok")
def one_of_two_lookups_is_locked(a):
    other, both = Label(), Label()
    a.call(RANDOM)
    a.move(7, src=0)
    a.jump(Jump.JEQ, other, 7, imm=0)
    find(a, 6)
    a.jump(Jump.JA, both)
    a.place(other)
    find(a, 6)
    a.place(both)
    on_lock(a, LOCK, 6)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case(MISUSE)
def ends_with_a_lock(a):
    find(a, 6)
    on_lock(a, LOCK, 6)
    leave(a)


@case(MISUSE)
def ends_with_a_lock_on_one_way(a):
    out = Label()
    find(a, 6)
    on_lock(a, LOCK, 6)
    a.load(4, 7, 6, 0)
    a.jump(Jump.JEQ, out, 7, imm=0)
    on_lock(a, UNLOCK, 6)
    a.place(out)
    leave(a)


@case(MISUSE)
def locks_twice(a):
    find(a, 6)
    on_lock(a, LOCK, 6)
    on_lock(a, LOCK, 6)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case(MISUSE)
def unlocks_without_a_lock(a):
    find(a, 6)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case(MISUSE)
def unlocks_another_value(a):
    find(a, 6)
    find(a, 7)
    on_lock(a, LOCK, 6)
    on_lock(a, UNLOCK, 7)
    leave(a)


@case(MISUSE)
def calls_a_helper_under_a_lock(a):
    find(a, 6)
    on_lock(a, LOCK, 6)
    a.call(RANDOM)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case(MISUSE)
def locks_beside_the_lock(a):
    find(a, 6)
    on_lock(a, LOCK, 6, 8)
    on_lock(a, UNLOCK, 6, 8)
    leave(a)


@case(MISUSE)
def locks_in_a_map_without_locks(a):
    find(a, 6, "array")
    on_lock(a, LOCK, 6)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case(MISUSE)
def reads_the_lock(a):
    find(a, 6)
    a.load(8, 7, 6, 0)
    leave(a)


@case("unreadable register")
def a_lock_returns_nothing(a):
    find(a, 6)
    on_lock(a, LOCK, 6)
    a.move(7, src=0)
    on_lock(a, UNLOCK, 6)
    leave(a)


@case("invalid helper argument")
def locks_a_value_that_may_be_missing(a):
    a.store(4, FP, -4, imm=9)
    a.map(1, "locked")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    a.move(1, src=0)
    a.call(LOCK)
    leave(a)
