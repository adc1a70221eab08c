"""Small programs, one for each rule of verification, with their verdicts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from hardpath.codegen.spec import MapSpec, ProgramSpec

MAPS = {
    "array": MapSpec("array", 2, 4, 16, 4),
    "hash": MapSpec("hash", 1, 8, 16, 16),
    ".rodata": MapSpec(".rodata", 2, 4, 8, 1, initial=bytes(range(1, 9)), readonly=True),
    ".bss": MapSpec(".bss", 2, 4, 8, 1, initial=bytes(8)),
}
LOOKUP, UPDATE, CSUM_DIFF, ADJUST_HEAD, RANDOM = 1, 2, 28, 44, 7
Write = Callable[[Assembler], None]
CASES: dict[str, tuple[str, Write]] = {}


def case(verdict: str) -> Callable[[Write], Write]:
    """Register a program with its verdict: "ok", "refused" or the category of the rejection."""

    def register(write: Write) -> Write:
        CASES[write.__name__] = verdict, write
        return write

    return register


def build(write: Write, functions: dict[int, str] | None = None) -> ProgramSpec:
    a = Assembler()
    write(a)
    return ProgramSpec("test", "xdp", a.finish(), functions or getattr(write, "functions", {0: "test"}), license="GPL")


def leave(a: Assembler) -> None:
    a.move(0, imm=2)
    a.exit()


def frame(a: Assembler, size: int) -> None:
    """r2: data, with ``size`` bytes checked; r3: data_end; r6: the context."""
    fine = Label()
    a.move(6, src=CTX)
    a.load(4, 2, 6, 0)
    a.load(4, 3, 6, 4)
    a.move(4, src=2)
    a.alu(Alu.ADD, 4, imm=size)
    a.jump(Jump.JLE, fine, 4, src=3)
    leave(a)
    a.place(fine)


def lookup(a: Assembler, index: int | None = None) -> None:
    """r0: the value for a key that is constant or any."""
    if index is None:
        a.call(RANDOM)
        a.store(4, FP, -8, src=0)
    else:
        a.store(4, FP, -8, imm=index)
    a.map(1, "array")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-8)
    a.call(LOOKUP)


def unless_null(a: Assembler) -> None:
    fine = Label()
    a.jump(Jump.JNE, fine, 0, imm=0)
    leave(a)
    a.place(fine)


# The frame


@case("ok")
def reads_what_was_checked(a):
    frame(a, 14)
    a.load(2, 0, 2, 12)
    leave(a)


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


# Context


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


# Stack


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


# Maps and helpers


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
    a.call(6)
    leave(a)


# Arithmetic, control flow


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


def _call(body: Write, before: Write | None = None) -> Write:
    def write(a: Assembler) -> None:
        function = Label()
        if before:
            before(a)
        a.call_local(function)
        leave(a)
        a.place(function)
        write.functions = {0: "test", a.slot: "callee"}  # type: ignore[attr-defined]
        body(a)

    return write


def _returns_its_stack(a):
    a.move(0, src=FP)
    a.exit()


def _writes_the_callers_stack(a):
    a.store(8, 1, -8, imm=7)
    a.move(0, imm=0)
    a.exit()


def _pass_the_stack(a):
    a.move(1, src=FP)


def _uses_r6(a):
    a.move(0, src=6)
    a.exit()


def _set_r6(a):
    a.move(6, imm=1)


def _recurses(a):
    a.emit(0x85, src=1, imm=-1)
    a.exit()


def _uses_300_bytes(a):
    a.store(8, FP, -304, imm=0)
    a.move(0, imm=0)
    a.exit()


def _use_300_bytes(a):
    a.store(8, FP, -304, imm=0)


CASES["a_function_writes_its_callers_stack"] = "ok", _call(_writes_the_callers_stack, _pass_the_stack)
CASES["a_function_returns_its_stack"] = "invalid call", _call(_returns_its_stack)
CASES["a_function_does_not_see_r6"] = "unreadable register", _call(_uses_r6, _set_r6)
CASES["a_function_calls_itself"] = "invalid call", _call(_recurses)
CASES["functions_share_512_bytes"] = "invalid stack access", _call(_uses_300_bytes, _use_300_bytes)
