"""Verification of accesses to the frame, and the checks that allow them: a program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from verify_programs import ADJUST_HEAD, CASES, XDP_LOAD_BYTES, Write, case, frame, leave


@case("ok")
def reads_what_was_checked(a):
    frame(a, 14)
    a.load(2, 0, 2, 12)
    leave(a)


@case("ok")
def tests_in_32_bits_whether_there_is_a_frame(a):
    out = Label()
    a.load(4, 2, CTX, 0)
    a.load(4, 3, CTX, 4)
    a.move(0, imm=1)
    a.jump(Jump.JEQ, out, 2, imm=0, bits=32)
    a.move(0, imm=2)
    a.jump(Jump.JEQ, out, 3, imm=0, bits=32)
    a.alu(Alu.ADD, 2, imm=14)
    a.jump(Jump.JNE, out, 2, imm=0, bits=32)
    a.move(0, imm=3)
    a.place(out)
    a.exit()


@case("refused")
def tests_in_32_bits_an_address_far_from_the_frame(a):
    """512 MB on there may be an address with a low half of 0."""
    out = Label()
    frame(a, 14)
    a.load(4, 5, 2, 0)
    a.alu(Alu.AND, 5, imm=0x1FFFFFFF)
    a.alu(Alu.ADD, 2, src=5)
    a.move(0, imm=1)
    a.jump(Jump.JEQ, out, 2, imm=0, bits=32)
    a.move(0, imm=2)
    a.place(out)
    a.exit()


@case("ok")
def tests_in_32_bits_whether_frame_pointers_are_the_same(a):
    a.load(4, 2, CTX, 0)
    a.load(4, 3, CTX, 4)
    a.alu(Alu.MOV, 4, src=2, bits=32)
    same, different = Label(), Label()
    a.jump(Jump.JEQ, same, 2, src=3, bits=32)
    a.jump(Jump.JNE, different, 4, src=3, bits=32)
    a.place(same)
    a.move(0, imm=1)
    a.exit()
    a.place(different)
    a.move(0, imm=2)
    a.exit()


@case("refused")
def compares_half_of_a_frame_pointer(a):
    a.load(4, 2, CTX, 0)
    a.move(0, imm=1)
    out = Label()
    a.jump(Jump.JEQ, out, 2, imm=1, bits=32)
    a.move(0, imm=2)
    a.place(out)
    a.exit()


@case("out-of-bounds packet access")
def reads_a_byte_too_much(a):
    frame(a, 14)
    a.load(2, 0, 2, 13)
    leave(a)


@case("out-of-bounds packet access")
def reads_in_front_of_the_frame(a):
    frame(a, 14)
    a.load(1, 0, 2, -1)
    leave(a)


@case("out-of-bounds packet access")
def reads_on_the_wrong_side_of_a_check(a):
    skip = Label()
    a.load(4, 2, CTX, 0)
    a.load(4, 3, CTX, 4)
    a.alu(Alu.ADD, 2, imm=8)
    a.jump(Jump.JLE, skip, 2, src=3)
    a.load(1, 0, 2, -8)
    a.place(skip)
    leave(a)


def _bounds(op: Jump, swapped: bool, taken: bool, size: int) -> Write:
    def write(a: Assembler) -> None:
        target, end = Label(), Label()
        a.load(4, 2, CTX, 0)
        a.load(4, 3, CTX, 4)
        a.move(4, src=2)
        a.alu(Alu.ADD, 4, imm=8)
        first, second = (3, 4) if swapped else (4, 3)
        a.jump(op, target, first, src=second)
        if not taken:
            a.load(1, 0, 2, size - 1)
        a.jump(Jump.JA, end)
        a.place(target)
        if taken:
            a.load(1, 0, 2, size - 1)
        a.place(end)
        leave(a)

    return write


for op, swapped, taken, size in [
    (Jump.JGT, False, False, 8),
    (Jump.JGE, False, False, 9),
    (Jump.JLT, False, True, 9),
    (Jump.JLE, False, True, 8),
    (Jump.JLT, True, False, 8),
    (Jump.JLE, True, False, 9),
    (Jump.JGT, True, True, 9),
    (Jump.JGE, True, True, 8),
]:
    name = f"check_{op.name}_{'end_first' if swapped else 'pointer_first'}"
    CASES[name] = "ok", _bounds(op, swapped, taken, size)
    CASES[f"{name}_less_one"] = "out-of-bounds packet access", _bounds(op, swapped, taken, size + 1)


def variable(a: Assembler, mask: int | None) -> None:
    """r7: data + a number from the frame; checked for 4 bytes behind it."""
    frame(a, 20)
    a.load(4, 7, 2, 0)
    if mask is not None:
        a.alu(Alu.AND, 7, imm=mask)
    a.alu(Alu.ADD, 7, src=2)
    a.move(8, src=7)
    a.alu(Alu.ADD, 8, imm=4)
    fine = Label()
    a.jump(Jump.JLE, fine, 8, src=3)
    leave(a)
    a.place(fine)
    a.load(4, 0, 7, 0)


@case("ok")
def reads_at_a_bounded_variable_offset(a):
    variable(a, 0x3C)
    leave(a)


@case("out-of-bounds packet access")
def reads_at_a_variable_offset_that_could_wrap(a):
    variable(a, None)
    leave(a)


@case("out-of-bounds packet access")
def a_second_variable_needs_its_own_check(a):
    variable(a, 0x3C)
    a.alu(Alu.AND, 0, imm=1)
    a.alu(Alu.ADD, 7, src=0)
    a.load(4, 0, 7, 0)
    leave(a)


@case("ok")
def a_failed_check_is_remembered(a):
    """clang turns ``p = x > end ? NULL : x; if (x > end) return; *p`` into this."""
    fine, skip = Label(), Label()
    frame(a, 20)
    a.load(4, 7, 2, 0)
    a.alu(Alu.AND, 7, imm=0x3C)
    a.alu(Alu.ADD, 7, src=2)
    a.move(8, src=7)
    a.alu(Alu.ADD, 8, imm=4)
    a.move(9, imm=0)
    a.jump(Jump.JGT, skip, 8, src=3)
    a.move(9, src=7)
    a.place(skip)
    a.jump(Jump.JLE, fine, 8, src=3)
    leave(a)
    a.place(fine)
    a.load(4, 0, 9, 0)
    leave(a)


@case("unreadable register")
def uses_the_frame_after_it_moved(a):
    frame(a, 14)
    a.move(7, src=2)
    a.move(1, src=6)
    a.move(2, imm=4)
    a.call(ADJUST_HEAD)
    a.load(1, 0, 7, 0)
    leave(a)


def _old_and_new(a):
    """r7 was data before the head moved, r8 is it now."""
    frame(a, 14)
    a.move(7, src=2)
    a.move(1, src=6)
    a.move(2, imm=4)
    a.call(ADJUST_HEAD)
    a.load(4, 8, 6, 0)


@case("ok")
def subtracts_halves_of_an_old_and_a_new_frame_pointer(a):
    _old_and_new(a)
    a.alu(Alu.SUB, 8, src=7, bits=32)
    leave(a)


@case("invalid pointer arithmetic")
def subtracts_an_old_from_a_new_frame_pointer(a):
    _old_and_new(a)
    a.alu(Alu.SUB, 8, src=7)
    leave(a)


@case("ok")
def a_comparison_with_an_old_frame_pointer_proves_nothing(a):
    _old_and_new(a)
    skip = Label()
    a.jump(Jump.JGT, skip, 7, src=8)
    a.alu(Alu.ADD, 7, imm=2)
    a.place(skip)
    leave(a)


@case("refused")
def computes_with_an_old_frame_pointer(a):
    _old_and_new(a)
    a.alu(Alu.AND, 7, imm=2)
    leave(a)


@case("out-of-bounds packet access")
def reads_at_an_offset_that_may_lie_in_front_of_the_frame(a):
    """Four bytes in front of it at worst; that the end is far enough away is checked."""
    out = Label()
    frame(a, 14)
    a.load(1, 5, 2, 0)
    a.alu(Alu.SUB, 5, imm=4)
    a.alu(Alu.ADD, 2, src=5)
    a.move(4, src=2)
    a.alu(Alu.ADD, 4, imm=4)
    a.jump(Jump.JGT, out, 4, src=3)
    a.load(4, 0, 2, 0)
    a.place(out)
    leave(a)


@case("ok")
def reads_metadata_that_was_checked(a):
    skip = Label()
    a.load(4, 2, CTX, 8)
    a.load(4, 3, CTX, 0)
    a.move(4, src=2)
    a.alu(Alu.ADD, 4, imm=4)
    a.jump(Jump.JGT, skip, 4, src=3)
    a.load(4, 0, 2, 0)
    a.place(skip)
    leave(a)


@case("invalid memory access")
def atomic_in_the_frame(a):
    frame(a, 16)
    a.move(0, imm=1)
    a.atomic(Atomic.ADD, 8, 2, 0, 0)
    leave(a)


def branches_on_copied(a: Assembler, at: int) -> None:
    """Branch on four bytes that bpf_xdp_load_bytes copies, whatever it returned, from a frame of 64 or more."""
    skip = Label()
    frame(a, 64)
    a.move(1, src=6)
    a.move(2, imm=at)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-8)
    a.move(4, imm=4)
    a.call(XDP_LOAD_BYTES)
    a.load(4, 1, FP, -8)
    a.jump(Jump.JEQ, skip, 1, imm=7)
    a.place(skip)
    leave(a)


@case("ok")
def branches_on_bytes_that_are_sure_to_be_copied(a):
    branches_on_copied(a, 60)


@case("refused")
def branches_on_bytes_that_may_not_be_copied(a):
    branches_on_copied(a, 61)
