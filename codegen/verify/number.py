"""What is known about one 64-bit number: known bits, and four ranges that sharpen each other.

The domain of Linux's verifier (struct bpf_reg_state): a tnum (``mask`` bits are unknown, the others are those of
``value``) and inclusive ranges of the number and of its low half, each read as unsigned and as signed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from .result import Scalar

M32 = (1 << 32) - 1
M64 = (1 << 64) - 1
S64_MIN, S64_MAX = -(1 << 63), (1 << 63) - 1
S32_MIN, S32_MAX = -(1 << 31), (1 << 31) - 1


def signed(value: int, bits: int = 64) -> int:
    """The low ``bits`` of ``value`` as a two's complement number."""
    sign = 1 << bits - 1
    return (value & (1 << bits) - 1 ^ sign) - sign


class Number(NamedTuple):
    """A set of 64-bit numbers. Fields ending in 32 bound the low half, which says nothing about the upper one."""

    value: int
    mask: int
    umin: int
    umax: int
    smin: int
    smax: int
    umin32: int
    umax32: int
    smin32: int
    smax32: int

    @property
    def constant(self) -> int | None:
        """The number as unsigned if it is the only one in the set."""
        return None if self.mask else self.value

    @property
    def is_constant(self) -> bool:
        return not self.mask

    def contains(self, x: int) -> bool:
        """Whether the unsigned 64-bit number x is in the set."""
        low = x & M32
        return (
            x & ~self.mask == self.value
            and self.umin <= x <= self.umax
            and self.smin <= signed(x) <= self.smax
            and self.umin32 <= low <= self.umax32
            and self.smin32 <= signed(low, 32) <= self.smax32
        )

    def fact(self) -> Scalar:
        """The form in which facts leave verification."""
        return Scalar(self.value, self.mask, self.umin, self.umax, self.smin, self.smax)


UNKNOWN = Number(0, M64, 0, M64, S64_MIN, S64_MAX, 0, M32, S32_MIN, S32_MAX)


@lru_cache(4096)
def constant(value: int) -> Number:
    """One number, given modulo 2^64."""
    v = value & M64
    s, low = signed(v), v & M32
    s32 = signed(low, 32)
    return Number(v, 0, v, v, s, s, low, low, s32, s32)


ZERO = constant(0)


def between(low: int, high: int) -> Number:
    """All numbers of [low, high], read as signed if ``low`` is negative."""
    if low < 0:
        n = sharpen(UNKNOWN._replace(smin=low, smax=high))
    else:
        n = sharpen(UNKNOWN._replace(umin=low, umax=high))
    assert n is not None, "empty range"
    return n


def bits(value: int, mask: int) -> Number:
    """All numbers with these known bits."""
    n = sharpen(UNKNOWN._replace(value=value & ~mask, mask=mask))
    assert n is not None
    return n


def span(low: int, high: int) -> tuple[int, int]:
    """Known bits (value, mask) of all unsigned numbers in [low, high]: the common prefix."""
    unknown = (1 << (low ^ high).bit_length()) - 1
    return low & ~unknown, unknown


@lru_cache(1 << 15)
def sharpen(n: Number) -> Number | None:
    """Let known bits and ranges sharpen each other; None if they contradict each other (no number is left)."""
    value, mask, umin, umax, smin, smax, umin32, umax32, smin32, smax32 = n
    for _ in range(4):
        before = (value, mask, umin, umax, smin, smax, umin32, umax32, smin32, smax32)
        umin, umax, smin, smax = _ranges(value, mask, umin, umax, smin, smax, 64)
        umin32, umax32, smin32, smax32 = _ranges(
            value & M32, mask & M32, umin32, umax32, smin32, smax32, 32
        )
        if umin > umax or smin > smax or umin32 > umax32 or smin32 > smax32:
            return None
        # The low half, where the upper one is the same all over the range.
        if umin >> 32 == umax >> 32:
            umin32, umax32 = max(umin32, umin & M32), min(umax32, umax & M32)
        if smin >> 32 == smax >> 32:
            umin32, umax32 = max(umin32, smin & M32), min(umax32, smax & M32)
        if smin >= S32_MIN and smax <= S32_MAX:
            smin32, smax32 = max(smin32, smin), min(smax32, smax)
            smin, smax = max(smin, smin32), min(smax, smax32)
        # The whole from its low half: at the ends of the range the upper half is known.
        umin, umax = max(umin, umin & ~M32 | umin32), min(umax, umax & ~M32 | umax32)
        smin, smax = max(smin, smin & ~M32 | umin32), min(smax, smax & ~M32 | umax32)
        if umin > umax or umin32 > umax32:
            return None
        for known, unknown in (span(umin, umax), _low_span(umin32, umax32)):
            if (value ^ known) & ~mask & ~unknown:
                return None
            mask, value = mask & unknown, (value | known) & ~(mask & unknown)
        if (value, mask, umin, umax, smin, smax, umin32, umax32, smin32, smax32) == before:
            break
    return Number(value, mask, umin, umax, smin, smax, umin32, umax32, smin32, smax32)


def _low_span(low: int, high: int) -> tuple[int, int]:
    known, unknown = span(low, high)
    return known, unknown | M64 - M32


def _ranges(
    value: int, mask: int, umin: int, umax: int, smin: int, smax: int, width: int
) -> tuple[int, int, int, int]:
    """Sharpen the two ranges of a number of ``width`` bits by its known bits and by each other."""
    sign = 1 << width - 1
    umin, umax = max(umin, value), min(umax, value | mask)
    smin = max(smin, signed(value | mask & sign, width))
    smax = min(smax, signed(value | mask & ~sign, width))
    if umin & sign == umax & sign:
        smin, smax = max(smin, signed(umin, width)), min(smax, signed(umax, width))
    if smin < 0 <= smax:
        # As unsigned: [0, smax] and [2^width + smin, ...]; the unsigned range may meet only one of them.
        if umin > smax:
            umin = max(umin, smin + 2 * sign)
        if umax < smin + 2 * sign:
            umax = min(umax, smax)
    else:
        low, high = smin & 2 * sign - 1, smax & 2 * sign - 1
        umin, umax = max(umin, low), min(umax, high)
    return umin, umax, smin, smax


def join(a: Number, b: Number) -> Number:
    """The least set that holds both."""
    if a == b:
        return a
    mask = a.mask | b.mask | a.value ^ b.value
    return Number(
        a.value & ~mask,
        mask,
        min(a.umin, b.umin),
        max(a.umax, b.umax),
        min(a.smin, b.smin),
        max(a.smax, b.smax),
        min(a.umin32, b.umin32),
        max(a.umax32, b.umax32),
        min(a.smin32, b.smin32),
        max(a.smax32, b.smax32),
    )


def meet(a: Number, b: Number) -> Number | None:
    """The numbers in both sets, None if there are none."""
    if a == b:
        return a
    if (a.value ^ b.value) & ~a.mask & ~b.mask:
        return None
    mask = a.mask & b.mask
    return sharpen(
        Number(
            (a.value | b.value) & ~mask,
            mask,
            max(a.umin, b.umin),
            min(a.umax, b.umax),
            max(a.smin, b.smin),
            min(a.smax, b.smax),
            max(a.umin32, b.umin32),
            min(a.umax32, b.umax32),
            max(a.smin32, b.smin32),
            min(a.smax32, b.smax32),
        )
    )


def truncate(a: Number, width: int) -> Number:
    """The low ``width`` bits (up to 32, or 64), zero-extended."""
    if width >= 64 or a.umax >> width == 0:
        return a
    top = (1 << width) - 1
    if a.is_constant:
        return constant(a.value & top)
    low, high = (a.umin32, a.umax32) if width <= 32 else (a.umin, a.umax)
    low, high = (low & top, high & top) if low >> width == high >> width else (0, top)
    n = UNKNOWN._replace(value=a.value & top, mask=a.mask & top, umin=low, umax=high)
    if width == 32:
        n = n._replace(smin32=a.smin32, smax32=a.smax32)
    result = sharpen(n)
    assert result is not None
    return result
