"""Loads, stores and atomic operations, wherever there is memory: rules for the stack, tools for the others."""

from __future__ import annotations

from assembler import FP
from hardpath.codegen.isa import Alu, Atomic
from rules import rule
from writer import NUMBERS, Writer

ATOMIC = [op | fetch for op in (Atomic.ADD, Atomic.OR, Atomic.AND, Atomic.XOR) for fetch in (0, Atomic.FETCH)]
ATOMIC += [Atomic.ADD, Atomic.XCHG, Atomic.XCHG, Atomic.CMPXCHG, Atomic.CMPXCHG]


def atomic(w: Writer, pointer: int, low: int, high: int) -> None:
    """An atomic operation on 4 or 8 of the bytes [low, high) behind ``pointer``, at a multiple of its size."""
    a, rng = w.a, w.rng
    places = [(size, at) for size in (4, 8) for at in range(low, high - size + 1) if at % size == 0]
    if not places:
        w.access(pointer, low, high)
        return
    size, offset = rng.choice(places)
    op = rng.choice(ATOMIC)
    if op == Atomic.CMPXCHG:
        if pointer == 0:
            op = Atomic.XCHG
        else:
            expected = w.any_number()
            if rng.random() < 0.6:  # then they are equal
                a.load(size, 0, pointer, offset)
            else:
                a.move(0, src=expected)
            w.state.numbers.add(0)
    source = w.any_number(but=pointer)
    a.atomic(op, size, pointer, offset, source)


@rule(3, frame=False)
def stack_access(w: Writer) -> None:
    a, rng = w.a, w.rng
    size = rng.choice((1, 2, 4, 8))
    offset = -NUMBERS + size * rng.randrange(NUMBERS // size)
    kind = rng.random()
    if kind < 0.45:
        a.load(size, w.target(), FP, offset, signed=size < 8 and rng.random() < 0.2)
    elif kind < 0.9:
        a.store(size, FP, offset, src=w.any_number())
    else:
        a.store(size, FP, offset, imm=w.immediate())


@rule(0.7, frame=False)
def stack_atomic(w: Writer) -> None:
    atomic(w, FP, -NUMBERS, 0)


@rule(0.4, frame=False)
def indexed_stack_access(w: Writer) -> None:
    """At a computed offset, which has to be a multiple of the size."""
    source, size = w.any_number(), w.rng.choice((1, 2, 4, 8))
    index, place = w.temporaries(2, keep=(source,))
    elements = w.rng.choice([each for each in (2, 4, 8, 16) if each * size <= NUMBERS])
    w.a.move(index, src=source)
    w.a.alu(Alu.AND, index, imm=elements - 1)
    w.a.alu(Alu.LSH, index, imm=size.bit_length() - 1)
    w.pointer(place, FP, -NUMBERS)
    w.a.alu(Alu.ADD, place, src=index)
    offset = size * w.rng.randint(0, NUMBERS // size - elements)
    if w.rng.random() < 0.6:
        w.a.load(size, w.target(but=(place,)), place, offset)
    else:
        w.a.store(size, place, offset, src=w.any_number())


@rule(1.2, when=lambda w: bool(w.lent), frame=False)
def lent_access(w: Writer) -> None:
    """Through a pointer that the caller gave: its stack, the frame or a map value."""
    lent = w.rng.choice(w.lent)
    (pointer,) = w.temporaries(1)
    w.a.load(8, pointer, FP, lent.slot)
    if lent.kind != "frame" and w.rng.random() < 0.3:
        atomic(w, pointer, 0, lent.size)
    else:
        w.access(pointer, 0, lent.size, aligned=lent.kind == "stack")
    w.state.numbers.discard(pointer)
