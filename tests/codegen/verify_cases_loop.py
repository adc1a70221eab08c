"""Verification of bpf_loop: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from verify_programs import CASES, LOOP, RANDOM, Write, call_back, callee, frame, goes_on, leave, returns_two


def _loop(body: Write, *, rounds: int | None = 4, context: bool = True, flags: int = 0) -> Write:
    """A loop around ``body`` with eight zeroed bytes of stack as its context; as often as a frame's byte says if
    ``rounds`` is None."""

    def write(a: Assembler) -> None:
        a.store(8, FP, -8, imm=0)
        if rounds is None:
            frame(a, 14)
            a.load(1, 1, 2, 0)
        else:
            a.move(1, imm=rounds)
        function = call_back(a, LOOP, context=context, flags=flags)
        leave(a)
        callee(write, a, function)
        body(a)

    return write


def _sums(a: Assembler) -> None:
    a.load(8, 3, 2, 0)
    a.alu(Alu.ADD, 3, src=1)
    a.store(8, 2, 0, src=3)
    goes_on(a)


def _indexes_the_context(a: Assembler) -> None:
    """Inside the eight bytes as long as the iteration is below 8."""
    a.alu(Alu.ADD, 2, src=1)
    a.store(1, 2, 0, imm=1)
    goes_on(a)


def _checks_the_round(a: Assembler) -> None:
    """As above, for Linux as well, which does not know the iteration."""
    skip = Label()
    a.jump(Jump.JGT, skip, 1, imm=7)
    a.alu(Alu.ADD, 2, src=1)
    a.store(1, 2, 0, imm=1)
    a.place(skip)
    goes_on(a)


def _stops_early(a: Assembler) -> None:
    skip = Label()
    a.move(0, imm=1)
    a.jump(Jump.JEQ, skip, 1, imm=3)
    a.move(0, imm=0)
    a.place(skip)
    a.exit()


def _returns_anything(a: Assembler) -> None:
    a.call(RANDOM)
    a.exit()


def _reads_r3(a: Assembler) -> None:
    a.move(0, src=3)
    a.exit()


def _passes_the_context(a: Assembler) -> None:
    function = Label()
    a.move(3, src=CTX)
    a.move(1, imm=4)
    a.function(2, function)
    a.move(4, imm=0)
    a.call(LOOP)
    leave(a)
    callee(_passes_the_context, a, function)
    goes_on(a)


def _result_as_offset(a: Assembler) -> None:
    """The result of four rounds would be inside the stack."""
    a.store(8, FP, -8, imm=0)
    a.move(1, imm=4)
    function = call_back(a, LOOP)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, src=0)
    a.load(1, 0, 2, -8)
    leave(a)
    callee(_result_as_offset, a, function)
    goes_on(a)


def _calls_a_number(a: Assembler) -> None:
    a.move(1, imm=4)
    a.move(2, imm=0)
    a.move(3, imm=0)
    a.move(4, imm=0)
    a.call(LOOP)
    leave(a)


CASES |= {
    "a_loop_changes_the_callers_stack": ("ok", _loop(_sums)),
    "a_loop_without_a_context": ("ok", _loop(goes_on, context=False)),
    "a_loop_as_long_as_a_byte_says": ("ok", _loop(_sums, rounds=None)),
    "a_loop_that_ends_itself": ("ok", _loop(_stops_early, rounds=1 << 20)),
    "a_loop_with_too_many_rounds_does_nothing": ("ok", _loop(goes_on, rounds=1 << 24)),
    "a_loop_with_flags_does_nothing": ("ok", _loop(goes_on, flags=5)),
    "a_loop_longer_than_hardware": ("refused", _loop(goes_on, rounds=1 << 20)),
    "a_looping_function_returns_two": ("invalid call", _loop(returns_two)),
    "a_looping_function_returns_anything": ("invalid call", _loop(_returns_anything)),
    "a_looping_function_gets_two_arguments": ("unreadable register", _loop(_reads_r3)),
    "a_loop_outside_of_the_stack": ("invalid stack access", _loop(_indexes_the_context, rounds=9)),
    "a_loop_that_relies_on_which_round_it_is": ("invalid pointer arithmetic", _loop(_indexes_the_context, rounds=4)),
    "a_loop_that_checks_which_round_it_is": ("ok", _loop(_checks_the_round, rounds=9)),
    "a_loop_whose_result_is_an_offset": ("invalid pointer arithmetic", _result_as_offset),
    "a_loop_with_the_wrong_context": ("invalid helper argument", _passes_the_context),
    "a_loop_of_a_number": ("invalid helper argument", _calls_a_number),
    "a_loop_without_context_uses_it": ("invalid memory access", _loop(_sums, context=False)),
}
