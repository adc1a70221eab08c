"""What a conditional jump teaches about the two numbers it compares."""

from __future__ import annotations

from functools import lru_cache

from ..isa import Jump
from .number import M32, M64, Number, meet, sharpen, signed

Pair = tuple[Number, Number]

OPPOSITE = {
    Jump.JEQ: Jump.JNE,
    Jump.JGT: Jump.JLE,
    Jump.JGE: Jump.JLT,
    Jump.JSGT: Jump.JSLE,
    Jump.JSGE: Jump.JSLT,
}
OPPOSITE |= {b: a for a, b in OPPOSITE.items()}

SWAPPED = {Jump.JLT: Jump.JGT, Jump.JLE: Jump.JGE, Jump.JSLT: Jump.JSGT, Jump.JSLE: Jump.JSGE}
"""``a < b`` is ``b > a``."""


@lru_cache(1 << 15)
def assume(op: Jump, holds: bool, a: Number, b: Number, width: int) -> Pair | None:
    """a and b where ``a op b`` is true (``holds``) or false, compared in 64 or 32 bits; None: never so."""
    if op == Jump.JSET:
        return (_set if holds else _clear)(a, b, width)
    if not holds:
        op = OPPOSITE[op]
    if op in SWAPPED:
        pair = _greater(SWAPPED[op], b, a, width)
        return pair and (pair[1], pair[0])
    if op == Jump.JEQ:
        return _equal(a, b, width)
    if op == Jump.JNE:
        return _different(a, b, width)
    return _greater(op, a, b, width)


def _both(a: Number, b: Number) -> Pair | None:
    sharp_a, sharp_b = sharpen(a), sharpen(b)
    return None if sharp_a is None or sharp_b is None else (sharp_a, sharp_b)


def _equal(a: Number, b: Number, width: int) -> Pair | None:
    if width == 64:
        n = meet(a, b)
        return n and (n, n)
    return _both(*(_low_half_of(x, y) for x, y in ((a, b), (b, a)))) if _compatible(a, b) else None


def _compatible(a: Number, b: Number) -> bool:
    return not (a.value ^ b.value) & ~a.mask & ~b.mask & M32


def _low_half_of(a: Number, b: Number) -> Number:
    """a with what is known about the low half of b."""
    mask = a.mask & (b.mask | M64 - M32)
    return a._replace(
        value=(a.value | b.value & M32) & ~mask & M64,
        mask=mask,
        umin32=max(a.umin32, b.umin32),
        umax32=min(a.umax32, b.umax32),
        smin32=max(a.smin32, b.smin32),
        smax32=min(a.smax32, b.smax32),
    )


def _different(a: Number, b: Number, width: int) -> Pair | None:
    constant_a, constant_b = _constant(a, width), _constant(b, width)
    if constant_a is not None and constant_a == constant_b:
        return None
    if constant_b is not None:
        a = _without(a, constant_b, width)
    if constant_a is not None:
        b = _without(b, constant_a, width)
    return _both(a, b)


def _constant(a: Number, width: int) -> int | None:
    if width == 64:
        return a.constant
    return None if a.mask & M32 else a.value & M32


def _without(a: Number, x: int, width: int) -> Number:
    """a less x, as far as x is an end of a range."""
    s = signed(x, width)
    if width == 64:
        return a._replace(
            umin=a.umin + (a.umin == x),
            umax=a.umax - (a.umax == x),
            smin=a.smin + (a.smin == s),
            smax=a.smax - (a.smax == s),
        )
    return a._replace(
        umin32=a.umin32 + (a.umin32 == x),
        umax32=a.umax32 - (a.umax32 == x),
        smin32=a.smin32 + (a.smin32 == s),
        smax32=a.smax32 - (a.smax32 == s),
    )


def _greater(op: Jump, a: Number, b: Number, width: int) -> Pair | None:
    """a > b or a >= b."""
    strict = op in (Jump.JGT, Jump.JSGT)
    if op in (Jump.JGT, Jump.JGE):
        if width == 64:
            a, b = (
                a._replace(umin=max(a.umin, b.umin + strict)),
                b._replace(umax=min(b.umax, a.umax - strict)),
            )
        else:
            a, b = (
                a._replace(umin32=max(a.umin32, b.umin32 + strict)),
                b._replace(umax32=min(b.umax32, a.umax32 - strict)),
            )
    elif width == 64:
        a, b = a._replace(smin=max(a.smin, b.smin + strict)), b._replace(smax=min(b.smax, a.smax - strict))
    else:
        a, b = (
            a._replace(smin32=max(a.smin32, b.smin32 + strict)),
            b._replace(smax32=min(b.smax32, a.smax32 - strict)),
        )
    return _both(a, b)


def _set(a: Number, b: Number, width: int) -> Pair | None:
    """a & b is not zero."""
    low = M64 if width == 64 else M32
    possible = (a.value | a.mask) & (b.value | b.mask) & low
    if not possible:
        return None
    if possible & possible - 1:
        return a, b
    # Only one bit can be in both: it is set in both.
    return _both(*(n._replace(value=n.value | possible, mask=n.mask & ~possible) for n in (a, b)))


def _clear(a: Number, b: Number, width: int) -> Pair | None:
    """a & b is zero."""
    low = M64 if width == 64 else M32
    if a.value & b.value & low:
        return None
    return _both(a._replace(mask=a.mask & ~(b.value & low)), b._replace(mask=b.mask & ~(a.value & low)))
