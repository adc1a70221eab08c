"""Records for the host, in a perf buffer and in a ring of which one frame can take a part or all."""

from __future__ import annotations

from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump
from rules import rule
from statements.control import compare
from statements.maps import value_access
from writer import NUMBERS, Writer

PERF_OUTPUT, OUTPUT, RESERVE, SUBMIT, DISCARD, QUERY = 25, 130, 131, 132, 133, 134
CURRENT_CPU = (1 << 32) - 1
MOST_SAMPLED = 300


def numbers(w: Writer, pointer: int, size: int) -> None:
    """A memory argument, part of the number stack, with its size."""
    rng = w.rng
    if rng.random() < 0.3:
        w.a.move(size, src=w.number)
        w.a.alu(Alu.AND, size, imm=rng.choice((3, 0xC, 0x1F, 0x3F)))
        w.pointer(pointer, FP, -NUMBERS)
        return
    length = rng.choice((0, 1, 4, 7, 8, 16, 24, 40, NUMBERS))
    w.a.move(size, imm=length)
    w.pointer(pointer, FP, -NUMBERS + rng.randint(0, NUMBERS - length))


@rule(0.3)
def ring_output(w: Writer) -> None:
    w.clobber()
    w.a.map(1, "ring")
    numbers(w, 2, 3)
    w.a.move(4, imm=w.rng.choice((0, 0, 1, 2, 3, 4)))
    w.call(OUTPUT)


@rule(0.3)
def perf_output(w: Writer) -> None:
    """With the frame's first bytes: as many as chance wants, or as a number says."""
    a, rng = w.a, w.rng
    w.clobber()
    a.move(1, src=w.ctx)
    a.map(2, "perf")
    sampled = rng.choice((0, 0, 1, 14, 20, 64, rng.randrange(MOST_SAMPLED)))
    a.constant(3, rng.choice((CURRENT_CPU, CURRENT_CPU, 0, 1, 9)) | sampled << 32 | (rng.random() < 0.05) << 52)
    if not sampled and rng.random() < 0.5:
        a.move(5, src=w.number)
        a.alu(Alu.AND, 5, imm=rng.choice((7, 0x1F, 0xFF)))
        a.alu(Alu.LSH, 5, imm=32)
        a.alu(Alu.OR, 3, src=5)
    numbers(w, 4, 5)
    w.call(PERF_OUTPUT)


@rule(0.7, when=lambda w: w.may_nest)
def ring_record(w: Writer) -> None:
    """Reserve, fill, work on it, and submit or discard."""
    a, rng = w.a, w.rng
    size = 8 * rng.choice((1, 2, 3, 5, 20, 100))
    w.clobber()
    a.map(1, "ring")
    a.move(2, imm=size)
    a.move(3, imm=rng.random() < 0.05)
    a.call(RESERVE)
    w.clobber()
    with w.skippable() as done:
        a.jump(Jump.JEQ, done, 0, imm=0)
        for at in range(0, size, 8):
            a.store(8, 0, at, src=w.any_number())
        for _ in range(rng.randint(0, 3)):
            value_access(w, 0, min(size, 40))
        discarded, given_back = Label(), Label()
        w.state.numbers -= {1, 2}
        a.move(1, src=0)
        a.move(2, imm=0)
        both = rng.random() < 0.4
        if both:
            compare(w, discarded)
        a.call(SUBMIT if both else rng.choice((SUBMIT, SUBMIT, DISCARD)))
        if both:
            w.goto(given_back)
            a.place(discarded)
            a.call(DISCARD)
            a.place(given_back)
        w.clobber()


@rule(0.1)
def ring_query(w: Writer) -> None:
    w.clobber()
    w.a.map(1, "ring")
    w.a.move(2, imm=w.rng.choice((0, 0, 1, 4)))
    w.call(QUERY)
