"""What every ALU operation does to sets of numbers (`Number`).

64-bit operations work on the whole number; 32-bit ones on the zero- or sign-extended low halves, truncated
afterwards. All results are sound: they hold every value that the operation can give for members of the operands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, reduce

from ..isa import Alu
from .number import (
    M64,
    S64_MAX,
    S64_MIN,
    UNKNOWN,
    ZERO,
    Number,
    between,
    bits,
    constant,
    join,
    sharpen,
    signed,
    truncate,
)


def _unsigned_range(low: int, high: int, width: int) -> tuple[int, int]:
    """Exact results [low, high] modulo 2^width, read as unsigned."""
    top = (1 << width) - 1
    return (low & top, high & top) if low >> width == high >> width else (0, top)


def _signed_range(low: int, high: int, width: int) -> tuple[int, int]:
    """Exact results [low, high] modulo 2^width, read as signed."""
    half = 1 << width - 1
    if (low + half) >> width == (high + half) >> width:
        return signed(low, width), signed(high, width)
    return -half, half - 1


Bounds = tuple[int, int]


def _wrapping(value: int, mask: int, exact: Callable[[Bounds, Bounds], Bounds], a: Number, b: Number) -> Number:
    """The result of an operation whose low half depends on low halves only: known bits are given, ranges
    follow from ``exact``, which maps ranges of the operands to the range of the result without wrapping."""
    n = sharpen(
        Number(
            value,
            mask,
            *_unsigned_range(*exact((a.umin, a.umax), (b.umin, b.umax)), 64),
            *_signed_range(*exact((a.smin, a.smax), (b.smin, b.smax)), 64),
            *_unsigned_range(*exact((a.umin32, a.umax32), (b.umin32, b.umax32)), 32),
            *_signed_range(*exact((a.smin32, a.smax32), (b.smin32, b.smax32)), 32),
        )
    )
    assert n is not None, "an operation on numbers has a result"
    return n


def add(a: Number, b: Number) -> Number:
    value = a.value + b.value & M64
    carries = (value + a.mask + b.mask & M64) ^ value
    mask = carries | a.mask | b.mask
    return _wrapping(value & ~mask, mask, lambda x, y: (x[0] + y[0], x[1] + y[1]), a, b)


def sub(a: Number, b: Number) -> Number:
    value = a.value - b.value & M64
    borrows = (value + a.mask & M64) ^ (value - b.mask & M64)
    mask = borrows | a.mask | b.mask
    return _wrapping(value & ~mask, mask, lambda x, y: (x[0] - y[1], x[1] - y[0]), a, b)


def mul(a: Number, b: Number) -> Number:
    def exact(x: Bounds, y: Bounds) -> Bounds:
        products = [i * j for i in x for j in y]
        return min(products), max(products)

    # Known low bits: below the lowest unknown bit of either operand the product is exact.
    zeros_a, zeros_b = _trailing_zeros(a), _trailing_zeros(b)
    exact_a = _low_bit(a.mask)
    exact_b = _low_bit(b.mask)
    known = min(exact_a + zeros_b, exact_b + zeros_a, 64)
    low = (1 << known) - 1
    return _wrapping(a.value * b.value & low, M64 & ~low, exact, a, b)


def _low_bit(x: int) -> int:
    """Position of the lowest one bit, 64 if there is none."""
    return (x & -x).bit_length() - 1 if x else 64


def _trailing_zeros(a: Number) -> int:
    return _low_bit(a.value | a.mask)


def bit_and(a: Number, b: Number) -> Number:
    value = a.value & b.value
    mask = (a.value | a.mask) & (b.value | b.mask) & ~value
    n = sharpen(
        UNKNOWN._replace(
            value=value,
            mask=mask,
            umax=min(a.umax, b.umax),
            umax32=min(a.umax32, b.umax32),
        )
    )
    assert n is not None
    return n


def bit_or(a: Number, b: Number) -> Number:
    """No larger than the sum."""
    value = a.value | b.value
    n = sharpen(
        UNKNOWN._replace(
            value=value,
            mask=(a.mask | b.mask) & ~value,
            umin=max(a.umin, b.umin),
            umax=min(a.umax + b.umax, M64),
            umin32=max(a.umin32, b.umin32),
        )
    )
    assert n is not None
    return n


def bit_xor(a: Number, b: Number) -> Number:
    mask = a.mask | b.mask
    return bits((a.value ^ b.value) & ~mask, mask)


def _shift_left(a: Number, k: int) -> Number:
    if not k:
        return a
    n = UNKNOWN._replace(value=a.value << k & M64, mask=a.mask << k & M64)
    smin, smax = _signed_range(a.smin << k, a.smax << k, 64)
    umin, umax = _unsigned_range(a.umin << k, a.umax << k, 64)
    if k == 32:  # the first half of a sign extension: what is left is the low half
        smin, smax = max(smin, a.smin32 << 32), min(smax, a.smax32 << 32)
    result = sharpen(n._replace(umin=umin, umax=umax, smin=smin, smax=smax))
    assert result is not None
    return result


def _shift_right(a: Number, k: int) -> Number:
    n = sharpen(
        UNKNOWN._replace(value=a.value >> k, mask=a.mask >> k, umin=a.umin >> k, umax=a.umax >> k)
    )
    assert n is not None
    return n


def _shift_right_signed(a: Number, k: int) -> Number:
    value, mask = signed(a.value) >> k & M64, signed(a.mask) >> k & M64
    n = sharpen(UNKNOWN._replace(value=value & ~mask, mask=mask, smin=a.smin >> k, smax=a.smax >> k))
    assert n is not None
    return n


def _shift(by: Callable[[Number, int], Number], a: Number, b: Number, width: int) -> Number:
    """Join over all distances that ``b`` modulo the width can have."""
    distance = bit_and(b, constant(width - 1))
    return reduce(
        join, (by(a, k) for k in range(distance.umin, distance.umax + 1) if distance.contains(k))
    )


def divide(a: Number, b: Number) -> Number:
    """Unsigned; a division by zero gives 0 (RFC 9669 section 4.1)."""
    if not b.umax:
        return ZERO
    low, high = a.umin // b.umax, a.umax // max(b.umin, 1)
    return between(low if b.umin else 0, high)


def modulo(a: Number, b: Number) -> Number:
    """Unsigned; modulo zero gives the dividend."""
    if not b.umax or a.umax < b.umin:
        return a
    if b.is_constant and not b.value & b.value - 1:
        return bit_and(a, constant(b.value - 1))
    return between(0, min(a.umax, b.umax - 1) if b.umin else a.umax)


def _quotient(x: int, y: int) -> int:
    """Rounded towards zero."""
    return abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)


def divide_signed(a: Number, b: Number) -> Number:
    """Towards zero; by zero gives 0; the most negative number by -1 gives itself."""
    if b.is_constant and b.value:
        divisor = signed(b.value)
        ends = [_quotient(a.smin, divisor), _quotient(a.smax, divisor)]
        low, high = min(ends), max(ends)
    else:
        high = max(abs(a.smin), abs(a.smax))
        low = -high
    return between(low, high) if high <= S64_MAX else UNKNOWN


def modulo_signed(a: Number, b: Number) -> Number:
    """The sign of the dividend; modulo zero gives the dividend."""
    low, high = min(a.smin, 0), max(a.smax, 0)
    if b.smin > 0 or b.smax < 0:
        largest = max(abs(b.smin), abs(b.smax)) - 1
        low, high = max(low, -largest), min(high, largest)
    n = sharpen(UNKNOWN._replace(smin=low, smax=high))
    assert n is not None
    return n


def sign_extend(a: Number, width: int) -> Number:
    """The low ``width`` bits, sign-extended to 64."""
    if S64_MIN >> 64 - width <= a.smin and a.smax <= S64_MAX >> 64 - width:
        return a
    return _shift_right_signed(_shift_left(a, 64 - width), 64 - width)


def swap_bytes(a: Number, width: int) -> Number:
    """The low ``width`` bits with their bytes reversed, zero-extended."""

    def swap(x: int) -> int:
        return int.from_bytes((x & (1 << width) - 1).to_bytes(width // 8, "little"), "big")

    return bits(swap(a.value), swap(a.mask))


_SHIFTS = {Alu.LSH: _shift_left, Alu.RSH: _shift_right, Alu.ARSH: _shift_right_signed}
_SIGNED = {Alu.DIV: divide_signed, Alu.MOD: modulo_signed}
_PLAIN = {
    Alu.ADD: add,
    Alu.SUB: sub,
    Alu.MUL: mul,
    Alu.DIV: divide,
    Alu.MOD: modulo,
    Alu.AND: bit_and,
    Alu.OR: bit_or,
    Alu.XOR: bit_xor,
}


@lru_cache(1 << 15)
def binary(op: int, a: Number, b: Number, width: int = 64, is_signed: bool = False) -> Number:
    """``a op b`` of an ALU64 (width 64) or ALU (32) instruction: every `Alu` but NEG, MOV and END.

    ``is_signed``: the signed form of DIV and MOD.
    """
    operation = Alu(op)
    if width == 32:
        low = sign_extend if is_signed or operation == Alu.ARSH else truncate
        a, b = low(a, 32), low(b, 32)
    if operation in _SHIFTS:
        result = _shift(_SHIFTS[operation], a, b, width)
    else:
        result = (_SIGNED if is_signed else _PLAIN)[operation](a, b)
    return truncate(result, 32) if width == 32 else result


def byte_swap(a: Number, width: int, swap: bool) -> Number:
    """An END instruction: reverse the bytes (to big endian, or unconditional) or only truncate (to little)."""
    return swap_bytes(a, width) if swap else truncate(a, width)

