"""Verification of maps without keys: a small program for each rule, with its verdict."""

from __future__ import annotations

from assembler import FP, Assembler
from hardpath.codegen.isa import Alu
from verify_programs import CASES, LOOKUP, Write, frame, leave

PUSH, POP, PEEK = 87, 88, 89


def call(helper: int, offset: int = -8, before: Write | None = None, map_name: str = "queue") -> Write:
    """A call with a value on the stack, then a load of its last byte."""

    def write(a: Assembler) -> None:
        if before:
            before(a)
        a.map(1, map_name)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=offset)
        a.move(3, imm=0)
        a.call(helper)
        a.load(1, 0, FP, offset + 7)
        a.exit()

    return write


def set_value(a: Assembler) -> None:
    a.store(8, FP, -8, imm=1)


def pop_into_the_frame(a: Assembler) -> None:
    frame(a, 8)
    a.map(1, "queue")
    a.call(POP)
    leave(a)


CASES["pop_gives_the_stack_a_value"] = "ok", call(POP)
CASES["peek_gives_the_stack_a_value"] = "ok", call(PEEK)
CASES["pop_needs_room"] = "invalid stack access", call(POP, -4)
CASES["pop_into_the_frame"] = "invalid helper argument", pop_into_the_frame
CASES["push_of_a_value"] = "ok", call(PUSH, before=set_value)
CASES["push_to_a_hash_map"] = "invalid helper argument", call(PUSH, before=set_value, map_name="hash")
CASES["lookup_in_a_queue"] = "invalid helper argument", call(LOOKUP, before=set_value)
