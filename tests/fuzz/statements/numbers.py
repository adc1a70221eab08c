"""Arithmetic on registers."""

from __future__ import annotations

from hardpath.codegen.isa import Alu
from rules import rule
from writer import Writer

BITWISE = (Alu.ADD, Alu.SUB, Alu.OR, Alu.AND, Alu.XOR)
SHIFTS = (Alu.LSH, Alu.RSH, Alu.ARSH)


@rule(5, frame=False)
def arithmetic(w: Writer) -> None:
    op, bits = w.rng.choice((*BITWISE, Alu.MUL)), w.rng.choice((32, 64))
    if w.rng.random() < 0.5:
        w.a.alu(op, w.any_number(), src=w.any_number(), bits=bits)
    else:
        w.a.alu(op, w.any_number(), imm=w.immediate(), bits=bits)


@rule(2, frame=False)
def shift(w: Writer) -> None:
    """By a register it may be by more than the width: Linux masks the amount."""
    op, bits = w.rng.choice(SHIFTS), w.rng.choice((32, 64))
    if w.rng.random() < 0.5:
        w.a.alu(op, w.any_number(), src=w.any_number(), bits=bits)
    else:
        w.a.alu(op, w.any_number(), imm=w.rng.randrange(bits), bits=bits)


@rule(1.5, frame=False)
def copy(w: Writer) -> None:
    """Also the sign-extending ones."""
    bits = w.rng.choice((32, 64))
    offset = w.rng.choice((0, 0, 8, 16, *((32,) if bits == 64 else ())))
    source = w.any_number()
    w.a.alu(Alu.MOV, w.target(), src=source, bits=bits, offset=offset)


@rule(0.5, frame=False)
def negate(w: Writer) -> None:
    w.a.alu(Alu.NEG, w.any_number(), bits=w.rng.choice((32, 64)))


@rule(2, frame=False)
def set_number(w: Writer) -> None:
    if w.rng.random() < 0.5:
        w.a.alu(Alu.MOV, w.target(), imm=w.immediate(), bits=w.rng.choice((32, 64)))
    else:
        w.a.constant(w.target(), w.rng.getrandbits(64))


@rule(0.5, frame=False)
def divide_by_constant(w: Writer) -> None:
    op, bits, signed = w.rng.choice((Alu.DIV, Alu.MOD)), w.rng.choice((32, 64)), w.rng.choice((0, 1))
    divisor = w.rng.choice((1, 2, 3, 7, 10, 16, 100, 1000, 0x7FFFFFFF, -1, -2, -7, -0x80000000, w.immediate() or 1))
    w.a.alu(op, w.any_number(), imm=divisor, bits=bits, offset=signed)


@rule(0.35, frame=False)
def divide(w: Writer) -> None:
    """By a register, that may be zero."""
    op, bits, signed = w.rng.choice((Alu.DIV, Alu.MOD)), w.rng.choice((32, 64)), w.rng.choice((0, 1))
    w.a.alu(op, w.any_number(), src=w.any_number(), bits=bits, offset=signed)


@rule(2, frame=False)
def byte_swap(w: Writer) -> None:
    w.a.swap(w.any_number(), w.rng.choice((16, 32, 64)), w.rng.choice(("le", "be", "be", "bswap")))
