"""Verification of bpf_for_each_map_elem: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from verify_programs import CASES, UPDATE, Write, call_back, callee, goes_on, leave, returns_two

FOR_EACH = 164


def _each(body: Write, *, map: str = "array", context: bool = True, flags: int = 0) -> Write:
    """``body`` for each entry, with eight zeroed bytes of stack as its context."""

    def write(a: Assembler) -> None:
        a.store(8, FP, -8, imm=0)
        a.map(1, map)
        function = call_back(a, FOR_EACH, context=context, flags=flags)
        leave(a)
        callee(write, a, function)
        body(a)

    return write


def _sums_keys_and_values(a: Assembler) -> None:
    a.load(4, 5, 2, 0)
    a.load(8, 1, 3, 8)
    a.alu(Alu.ADD, 1, src=5)
    a.store(8, 3, 8, src=1)
    a.store(8, 4, 0, src=1)
    goes_on(a)


def _reads_behind_the_value(a: Assembler) -> None:
    a.load(8, 1, 3, 12)
    goes_on(a)


def _reads_behind_the_key(a: Assembler) -> None:
    a.load(8, 1, 2, 0)
    goes_on(a)


def _writes_the_key(a: Assembler) -> None:
    a.store(4, 2, 0, imm=1)
    goes_on(a)


def _reads_r5(a: Assembler) -> None:
    a.move(0, src=5)
    a.exit()


def _indexes_with_the_key(a: Assembler) -> None:
    a.load(4, 1, 2, 0)
    a.alu(Alu.ADD, 4, src=1)
    a.store(1, 4, 0, imm=1)
    goes_on(a)


def _indexes_with_the_checked_key(a: Assembler) -> None:
    skip = Label()
    a.load(4, 1, 2, 0)
    a.jump(Jump.JGT, skip, 1, imm=7)
    a.alu(Alu.ADD, 4, src=1)
    a.store(1, 4, 0, imm=1)
    a.place(skip)
    goes_on(a)


def _updates_the_map_at_the_key(a: Assembler) -> None:
    for place in (-16, -8):
        a.store(8, FP, place, imm=0)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-16)
    a.move(4, imm=0)
    a.call(UPDATE)
    goes_on(a)


def _keeps_the_key(a: Assembler) -> None:
    a.store(8, 4, 0, src=2)
    goes_on(a)


def _keeps_the_key_on_its_own_stack(a: Assembler) -> None:
    a.store(8, FP, -8, src=2)
    a.load(8, 1, FP, -8)
    a.load(2, 0, 1, 0)
    a.alu(Alu.AND, 0, imm=1)
    a.exit()


def _of_the_context(a: Assembler) -> None:
    a.move(6, src=CTX)
    function = call_back(a, FOR_EACH)
    leave(a)
    callee(_of_the_context, a, function)
    goes_on(a)


CASES |= {
    "each_entry_is_changed": ("ok", _each(_sums_keys_and_values)),
    "each_entry_without_a_context": ("ok", _each(goes_on, context=False)),
    "each_entry_with_flags_does_nothing": ("ok", _each(_sums_keys_and_values, flags=1)),
    "each_entry_of_a_hash": ("refused", _each(goes_on, map="hash")),
    "each_entry_of_a_queue": ("invalid helper argument", _each(goes_on, map="queue")),
    "each_entry_of_no_map": ("invalid helper argument", _of_the_context),
    "each_value_is_read_too_far": ("out-of-bounds map value access", _each(_reads_behind_the_value)),
    "each_key_is_read_too_far": ("invalid memory access", _each(_reads_behind_the_key)),
    "each_key_is_written": ("write to read-only memory", _each(_writes_the_key)),
    "each_function_gets_four_arguments": ("unreadable register", _each(_reads_r5)),
    "each_key_is_an_index_as_it_is": ("invalid stack access", _each(_indexes_with_the_key)),
    "each_key_is_an_index_after_a_check": ("ok", _each(_indexes_with_the_checked_key)),
    "each_key_is_a_key_of_an_update": ("ok", _each(_updates_the_map_at_the_key)),
    "each_key_outlives_its_round": ("refused", _each(_keeps_the_key)),
    "each_key_is_kept_for_its_round": ("ok", _each(_keeps_the_key_on_its_own_stack)),
    "each_function_returns_two": ("invalid call", _each(returns_two)),
}
