"""Verification of maps and arguments of helpers: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import FP
from hardpath.codegen.isa import Alu, Atomic
from verify_programs import CSUM_DIFF, LOOKUP, RANDOM, UPDATE, case, frame, leave, lookup, unless_null


@case("possible NULL dereference")
def uses_a_lookup_without_a_check(a):
    lookup(a)
    a.load(8, 0, 0, 0)
    leave(a)


@case("ok")
def uses_a_lookup_with_a_check(a):
    lookup(a)
    a.move(7, src=0)
    unless_null(a)
    a.load(8, 0, 7, 8)  # the copy is checked as well
    leave(a)


@case("ok")
def a_constant_index_is_never_null(a):
    lookup(a, 3)
    a.load(8, 0, 0, 0)
    leave(a)


@case("possible NULL dereference")
def a_constant_index_behind_the_array_may_be_null(a):
    lookup(a, 4)
    a.load(8, 0, 0, 0)
    leave(a)


@case("out-of-bounds map value access")
def reads_behind_a_value(a):
    lookup(a)
    unless_null(a)
    a.load(8, 0, 0, 9)
    leave(a)


@case("misaligned access")
def misaligned_atomic(a):
    lookup(a)
    unless_null(a)
    a.move(1, imm=1)
    a.atomic(Atomic.ADD, 8, 0, 4, 1)
    leave(a)


@case("write to read-only memory")
def writes_constants(a):
    a.map(1, ".rodata", 0)
    a.store(4, 1, 0, imm=1)
    leave(a)


@case("write to read-only memory")
def writes_a_map_that_is_not_for_programs_to_write(a):
    """It has the flag BPF_F_RDONLY_PROG."""
    lookup(a, 3, "settings")
    a.store(4, 0, 0, imm=1)
    leave(a)


@case("write to read-only memory")
def updates_a_map_that_is_not_for_programs_to_write(a):
    a.store(4, FP, -4, imm=1)
    a.store(8, FP, -24, imm=1)
    a.store(8, FP, -16, imm=1)
    a.map(1, "settings")
    for register, below in ((2, -4), (3, -24)):
        a.move(register, src=FP)
        a.alu(Alu.ADD, register, imm=below)
    a.move(4, imm=0)
    a.call(UPDATE)
    leave(a)


@case("ok")
def reads_a_map_that_is_not_for_programs_to_write(a):
    lookup(a, 3, "settings")
    a.load(8, 0, 0, 8)
    leave(a)


@case("ok")
def a_constant_bounds_an_index(a):
    """The byte at .rodata + 2 is 3, so the access is inside the value."""
    a.map(1, ".rodata", 0)
    a.load(1, 2, 1, 2)
    a.map(1, ".bss", 0)
    a.alu(Alu.ADD, 1, src=2)
    a.load(4, 0, 1, 1)
    leave(a)


@case("invalid helper argument")
def passes_a_number_as_a_key(a):
    a.map(1, "array")
    a.move(2, imm=0)
    a.call(LOOKUP)
    leave(a)


@case("invalid helper argument")
def passes_a_size_without_a_bound(a):
    frame(a, 64)
    a.load(4, 4, 2, 0)
    a.move(3, src=2)
    a.move(1, imm=0)
    a.move(2, imm=0)
    a.move(5, imm=0)
    a.call(CSUM_DIFF)
    leave(a)


@case("ok")
def passes_null_with_size_zero(a):
    frame(a, 64)
    a.move(3, src=2)
    a.move(1, imm=0)
    a.move(2, imm=0)
    a.move(4, imm=64)
    a.move(5, imm=0)
    a.call(CSUM_DIFF)
    leave(a)


@case("unreadable register")
def an_argument_does_not_survive_a_call(a):
    a.move(3, imm=0)
    a.call(RANDOM)
    a.move(0, src=3)
    a.exit()


@case("refused")
def calls_an_unknown_helper(a):
    a.call(4)  # bpf_probe_read: there is no kernel memory in hardware
    leave(a)
