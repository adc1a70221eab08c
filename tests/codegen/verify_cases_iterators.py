"""Verification of iterators (bpf_iter_num_*): a small program for each rule, with its verdict."""

from __future__ import annotations

from collections.abc import Callable

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from verify_programs import (
    CASES,
    CSUM_DIFF,
    LOOKUP,
    LOOP,
    RANDOM,
    Write,
    call_back,
    callee,
    case,
    frame,
    leave,
    tail_call,
)

Body = Callable[[Assembler], None]
PLACE = -16
LOCK, UNLOCK = 93, 94


def at(a: Assembler, place: int = PLACE) -> None:
    """r1: the iterator."""
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=place)


def new(a: Assembler, start: int = 0, end: int | None = 4, place: int = PLACE) -> None:
    """The end is in r3 already if it is None."""
    at(a, place)
    a.move(2, imm=start)
    if end is not None:
        a.move(3, imm=end)
    a.call_kernel("bpf_iter_num_new")


def following(a: Assembler, place: int = PLACE) -> None:
    at(a, place)
    a.call_kernel("bpf_iter_num_next")


def destroy(a: Assembler, place: int = PLACE) -> None:
    at(a, place)
    a.call_kernel("bpf_iter_num_destroy")


def loop(a: Assembler, body: Body, place: int = PLACE) -> None:
    """``body`` gets the pointer to the number in r0."""
    again, out = Label(), Label()
    a.place(again)
    following(a, place)
    a.jump(Jump.JEQ, out, 0, imm=0)
    body(a)
    a.jump(Jump.JA, again, 0, imm=0)
    a.place(out)


def _counts(start: int, end: int, body: Body, place: int = PLACE) -> Write:
    def write(a: Assembler) -> None:
        new(a, start, end, place)
        loop(a, body, place)
        destroy(a, place)
        leave(a)

    return write


def _nothing(a: Assembler) -> None:
    pass


def _reads(a: Assembler) -> None:
    a.load(4, 1, 0, 0)


def _indexes_the_stack(a: Assembler) -> None:
    """Eight bytes below the iterator; the number is bounded for Linux, which does not know it."""
    skip = Label()
    a.load(4, 1, 0, 0)
    a.jump(Jump.JGT, skip, 1, imm=7)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, src=1)
    a.store(1, 2, -24, imm=1)
    a.place(skip)


def _indexes_the_stack_unchecked(a: Assembler) -> None:
    a.load(4, 1, 0, 0)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, src=1)
    a.store(1, 2, -24, imm=1)


@case("invalid stack access")
def an_iterator_whose_number_is_in_bounds_only_by_its_end(a: Assembler) -> None:
    a.store(8, FP, -24, imm=0)
    new(a, end=4)
    loop(a, _indexes_the_stack_unchecked)
    destroy(a)
    leave(a)


@case("ok")
def an_iterator_as_long_as_a_byte_says(a: Assembler) -> None:
    frame(a, 14)
    a.load(1, 3, 2, 0)
    new(a, end=None)
    loop(a, _reads)
    destroy(a)
    leave(a)


@case("ok")
def an_iterator_begins_where_a_byte_says(a: Assembler) -> None:
    frame(a, 14)
    a.load(1, 7, 2, 0)
    at(a)
    a.move(2, src=7)
    a.move(3, imm=40)
    a.call_kernel("bpf_iter_num_new")
    loop(a, _reads)
    destroy(a)
    leave(a)


@case("refused")
def an_iterator_without_bound(a: Assembler) -> None:
    a.call(RANDOM)
    a.move(3, src=0)
    new(a, end=None)
    loop(a, _reads)
    destroy(a)
    leave(a)


@case("ok")
def an_iterator_left_early(a: Assembler) -> None:
    out = Label()

    def stops(a: Assembler) -> None:
        a.load(4, 7, 0, 0)
        a.call(RANDOM)
        a.jump(Jump.JGT, out, 0, imm=100)

    new(a, 0, 8)
    loop(a, stops)
    a.place(out)
    destroy(a)
    leave(a)


@case("ok")
def an_iterator_in_an_iterator(a: Assembler) -> None:
    def inner(a: Assembler) -> None:
        a.load(4, 3, 0, 0)
        new(a, 0, None, -24)
        loop(a, _reads, -24)
        destroy(a, -24)

    new(a)
    loop(a, inner)
    destroy(a)
    leave(a)


@case("ok")
def an_iterator_where_another_was(a: Assembler) -> None:
    for end in (2, 3):
        new(a, 0, end)
        loop(a, _reads)
        destroy(a)
    leave(a)


@case("ok")
def an_iterator_where_a_number_was(a: Assembler) -> None:
    a.store(8, FP, PLACE, imm=7)
    new(a)
    destroy(a)
    leave(a)


@case("ok")
def a_function_takes_the_callers_iterator(a: Assembler) -> None:
    function = Label()
    new(a)
    for _ in range(3):
        at(a)
        a.call_local(function)
    destroy(a)
    leave(a)
    callee(a_function_takes_the_callers_iterator, a, function)
    a.call_kernel("bpf_iter_num_next")
    skip = Label()
    a.jump(Jump.JEQ, skip, 0, imm=0)
    a.load(4, 1, 0, 0)
    a.place(skip)
    a.move(0, imm=0)
    a.exit()


@case("invalid use of an iterator")
def a_function_leaves_its_iterator(a: Assembler) -> None:
    function = Label()
    a.call_local(function)
    leave(a)
    callee(a_function_leaves_its_iterator, a, function)
    new(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_that_is_not_ended(a: Assembler) -> None:
    new(a)
    loop(a, _reads)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_that_is_not_ended_on_one_path(a: Assembler) -> None:
    skip = Label()
    new(a)
    a.call(RANDOM)
    a.jump(Jump.JGT, skip, 0, imm=100)
    destroy(a)
    a.place(skip)
    leave(a)


@case("invalid use of an iterator")
def next_of_an_iterator_that_was_not_begun(a: Assembler) -> None:
    a.store(8, FP, PLACE, imm=0)
    following(a)
    leave(a)


@case("invalid use of an iterator")
def the_end_of_an_iterator_that_was_not_begun(a: Assembler) -> None:
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_begun_on_one_path(a: Assembler) -> None:
    skip = Label()
    a.call(RANDOM)
    a.jump(Jump.JGT, skip, 0, imm=100)
    new(a)
    a.place(skip)
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_begun_twice(a: Assembler) -> None:
    new(a)
    new(a)
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_ended_twice(a: Assembler) -> None:
    new(a)
    destroy(a)
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def next_after_the_end(a: Assembler) -> None:
    new(a)
    destroy(a)
    following(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_is_read(a: Assembler) -> None:
    new(a)
    a.load(4, 6, FP, PLACE)
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_is_written(a: Assembler) -> None:
    new(a)
    a.store(1, FP, PLACE + 7, imm=0)
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def a_helper_reads_an_iterator(a: Assembler) -> None:
    new(a)
    a.map(1, "array")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=PLACE)
    a.call(LOOKUP)
    destroy(a)
    leave(a)


@case("invalid use of an iterator")
def an_iterator_somewhere_on_the_stack(a: Assembler) -> None:
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=8)
    a.move(1, src=FP)
    a.alu(Alu.ADD, 1, imm=-32)
    a.alu(Alu.ADD, 1, src=0)
    a.move(2, imm=0)
    a.move(3, imm=4)
    a.call_kernel("bpf_iter_num_new")
    leave(a)


@case("invalid use of an iterator")
def an_iterator_in_the_context(a: Assembler) -> None:
    a.move(2, imm=0)
    a.move(3, imm=4)
    a.call_kernel("bpf_iter_num_new")
    leave(a)


@case("unreadable register")
def an_iterator_without_bounds(a: Assembler) -> None:
    at(a)
    a.call_kernel("bpf_iter_num_new")
    leave(a)


@case("possible NULL dereference")
def a_number_without_a_test(a: Assembler) -> None:
    new(a)
    following(a)
    a.load(4, 6, 0, 0)
    destroy(a)
    leave(a)


@case("write to read-only memory")
def a_number_is_written(a: Assembler) -> None:
    new(a)
    loop(a, lambda a: a.store(4, 0, 0, imm=1))
    destroy(a)
    leave(a)


@case("unreadable register")
def a_number_after_the_end(a: Assembler) -> None:
    out = Label()
    new(a)
    following(a)
    a.move(7, src=0)
    a.jump(Jump.JEQ, out, 7, imm=0)
    destroy(a)
    a.load(4, 6, 7, 0)
    leave(a)
    a.place(out)
    destroy(a)
    leave(a)


def _passes_it(a: Assembler) -> None:
    a.move(3, src=0)
    a.move(1, imm=0)
    a.move(2, imm=0)
    a.move(4, imm=4)
    a.move(5, imm=0)
    a.call(CSUM_DIFF)


def _looks_it_up(a: Assembler) -> None:
    a.move(2, src=0)
    a.map(1, "array")
    a.call(LOOKUP)


def _adds_to_it(a: Assembler) -> None:
    a.move(1, imm=1)
    a.atomic(Atomic.ADD, 4, 0, 0, 1)


@case("ok")
def an_iterator_while_a_lock_is_held(a: Assembler) -> None:
    out = Label()
    a.store(4, FP, -4, imm=1)
    a.map(1, "locked")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(LOOKUP)
    a.jump(Jump.JEQ, out, 0, imm=0)
    a.move(6, src=0)
    for helper in (LOCK, UNLOCK):
        a.move(1, src=6)
        a.alu(Alu.ADD, 1, imm=4)
        a.call(helper)
        if helper == LOCK:
            new(a)
            loop(a, _reads)
            destroy(a)
    a.place(out)
    leave(a)


@case("invalid use of an iterator")
def a_tail_call_with_an_iterator(a: Assembler) -> None:
    a.move(6, src=CTX)
    new(a)
    tail_call(a, 6)
    destroy(a)
    leave(a)


def _called_in_a_loop(body: Body) -> Write:
    def write(a: Assembler) -> None:
        a.move(1, imm=3)
        function = call_back(a, LOOP)
        leave(a)
        callee(write, a, function)
        new(a)
        loop(a, _reads)
        body(a)
        a.move(0, imm=0)
        a.exit()

    return write


@case("ok")
def a_number_after_the_next_one(a: Assembler) -> None:
    """The pointer is to the iterator itself."""
    out = Label()
    new(a)
    following(a)
    a.move(7, src=0)
    a.jump(Jump.JEQ, out, 7, imm=0)
    following(a)
    a.load(4, 6, 7, 0)
    a.place(out)
    destroy(a)
    leave(a)


CASES |= {
    "an_iterator_over_constants": ("ok", _counts(-3, 5, _reads)),
    "an_iterator_that_nobody_reads": ("ok", _counts(0, 5, _nothing)),
    "an_iterator_over_nothing": ("ok", _counts(5, 5, _reads)),
    "an_iterator_backwards": ("ok", _counts(5, 4, _reads)),
    "an_iterator_over_too_many": ("ok", _counts(0, (1 << 23) + 1, _reads)),
    "an_iterator_longer_than_hardware": ("refused", _counts(0, 1 << 23, _reads)),
    "an_iterator_indexes_the_stack": ("ok", _counts(0, 8, _indexes_the_stack)),
    "two_bytes_of_a_number": ("ok", _counts(0, 3, lambda a: a.load(2, 1, 0, 2))),
    "more_than_a_number": ("invalid use of an iterator", _counts(0, 3, lambda a: a.load(8, 1, 0, 0))),
    "a_number_for_a_checksum": ("ok", _counts(0, 3, _passes_it)),
    "a_number_as_a_key": ("invalid helper argument", _counts(0, 3, _looks_it_up)),
    "an_atomic_operation_on_a_number": ("write to read-only memory", _counts(0, 3, _adds_to_it)),
    "an_iterator_in_a_function_that_is_called_in_a_loop": ("ok", _called_in_a_loop(destroy)),
    "an_iterator_left_by_a_function_called_in_a_loop": ("invalid use of an iterator", _called_in_a_loop(_nothing)),
    "an_iterator_out_of_line": ("invalid use of an iterator", _counts(0, 3, _reads, -12)),
    "an_iterator_behind_the_stack": ("invalid use of an iterator", _counts(0, 3, _reads, 0)),
}
