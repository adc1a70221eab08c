"""Transfer functions on sets of numbers hold every concrete result (checked against plain integers)."""

from __future__ import annotations

import pytest
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.verify import arithmetic, number, refine
from hardpath.codegen.verify.number import M64, UNKNOWN, Number, signed
from hypothesis import given, settings
from hypothesis import strategies as st

BOUNDARIES = [0, 1, 2, 7, 8, 255, 256, 0xFFFF, 1 << 31, (1 << 31) - 1, 1 << 32, (1 << 32) - 1, 1 << 63, M64, M64 - 1]
words = st.one_of(st.integers(0, M64), st.sampled_from(BOUNDARIES), st.integers(0, 300), st.integers(M64 - 300, M64))


@st.composite
def sets_with_members(draw: st.DrawFn) -> tuple[Number, int]:
    """A set of numbers made from ranges, known bits and joins, and one of its members."""
    member = draw(words)
    n = UNKNOWN
    for kind in draw(st.lists(st.sampled_from("usbUSc"), max_size=3)):
        other = draw(words)
        if kind == "u":
            low, high = sorted((member, other))
            piece = UNKNOWN._replace(umin=low, umax=high)
        elif kind == "s":
            low, high = sorted((signed(member), signed(other)))
            piece = UNKNOWN._replace(smin=low, smax=high)
        elif kind == "U":
            low, high = sorted((member & number.M32, other & number.M32))
            piece = UNKNOWN._replace(umin32=low, umax32=high)
        elif kind == "S":
            low, high = sorted((signed(member, 32), signed(other, 32)))
            piece = UNKNOWN._replace(smin32=low, smax32=high)
        elif kind == "b":
            piece = UNKNOWN._replace(value=member & ~other, mask=other)
        else:
            piece = number.join(number.constant(member), number.constant(other))
        sharp = number.sharpen(piece)
        assert sharp is not None and sharp.contains(member)
        met = number.meet(n, sharp)
        assert met is not None and met.contains(member)
        n = met
    return n, member


def concrete(op: Alu, x: int, y: int, width: int, is_signed: bool) -> int:
    """RFC 9669 section 4.1 on plain integers."""
    top = (1 << width) - 1
    x, y = x & top, y & top
    sx, sy = signed(x, width), signed(y, width)
    match op:
        case Alu.ADD:
            result = x + y
        case Alu.SUB:
            result = x - y
        case Alu.MUL:
            result = x * y
        case Alu.OR:
            result = x | y
        case Alu.AND:
            result = x & y
        case Alu.XOR:
            result = x ^ y
        case Alu.LSH:
            result = x << (y & width - 1)
        case Alu.RSH:
            result = x >> (y & width - 1)
        case Alu.ARSH:
            result = sx >> (y & width - 1)
        case Alu.DIV if is_signed:
            result = 0 if not y else abs(sx) // abs(sy) * (1 if (sx < 0) == (sy < 0) else -1)
        case Alu.DIV:
            result = x // y if y else 0
        case Alu.MOD if is_signed:
            result = sx if not y else (abs(sx) % abs(sy)) * (-1 if sx < 0 else 1)
        case Alu.MOD:
            result = x % y if y else x
        case _:
            raise AssertionError(op)
    return result & top


BINARY = [op for op in Alu if op not in (Alu.NEG, Alu.MOV, Alu.END)]


@settings(max_examples=100)
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.name)
@given(sets_with_members(), sets_with_members(), st.booleans())
def test_every_result_of_an_operation_is_in_the_result_set(
    op: Alu, width: int, a: tuple[Number, int], b: tuple[Number, int], is_signed: bool
) -> None:
    is_signed = is_signed and op in (Alu.DIV, Alu.MOD)
    result = arithmetic.binary(op, a[0], b[0], width, is_signed)
    assert result.contains(concrete(op, a[1], b[1], width, is_signed))


@given(sets_with_members(), st.sampled_from([8, 16, 32]))
def test_sign_extension_holds_every_result(a: tuple[Number, int], width: int) -> None:
    assert arithmetic.sign_extend(a[0], width).contains(signed(a[1], width) & M64)


@given(sets_with_members(), st.sampled_from([16, 32, 64]), st.booleans())
def test_byte_swaps_hold_every_result(a: tuple[Number, int], width: int, swap: bool) -> None:
    low = a[1] & (1 << width) - 1
    result = int.from_bytes(low.to_bytes(width // 8, "little"), "big") if swap else low
    assert arithmetic.byte_swap(a[0], width, swap).contains(result)


@given(sets_with_members(), sets_with_members())
def test_a_join_holds_both_operands(a: tuple[Number, int], b: tuple[Number, int]) -> None:
    joined = number.join(a[0], b[0])
    assert joined.contains(a[1]) and joined.contains(b[1])


def compare(op: Jump, x: int, y: int, width: int) -> bool:
    top = (1 << width) - 1
    x, y = x & top, y & top
    sx, sy = signed(x, width), signed(y, width)
    return {
        Jump.JEQ: x == y,
        Jump.JNE: x != y,
        Jump.JGT: x > y,
        Jump.JGE: x >= y,
        Jump.JLT: x < y,
        Jump.JLE: x <= y,
        Jump.JSGT: sx > sy,
        Jump.JSGE: sx >= sy,
        Jump.JSLT: sx < sy,
        Jump.JSLE: sx <= sy,
        Jump.JSET: bool(x & y),
    }[op]


COMPARISONS = [op for op in Jump if op not in (Jump.JA, Jump.CALL, Jump.EXIT, Jump.JCOND)]


@settings(max_examples=100)
@pytest.mark.parametrize("width", [32, 64])
@pytest.mark.parametrize("op", COMPARISONS, ids=lambda op: op.name)
@given(sets_with_members(), sets_with_members())
def test_a_branch_keeps_every_pair_for_which_it_is_taken(
    op: Jump, width: int, a: tuple[Number, int], b: tuple[Number, int]
) -> None:
    pair = refine.assume(op, compare(op, a[1], b[1], width), a[0], b[0], width)
    assert pair is not None
    assert pair[0].contains(a[1]) and pair[1].contains(b[1])


@given(words, words, st.sampled_from(COMPARISONS), st.sampled_from([32, 64]))
def test_a_comparison_of_constants_goes_one_way(x: int, y: int, op: Jump, width: int) -> None:
    a, b = number.constant(x), number.constant(y)
    ways = [way for way in (False, True) if refine.assume(op, way, a, b, width) is not None]
    assert ways == [compare(op, x, y, width)]


def test_a_masked_index_is_bounded() -> None:
    index = arithmetic.binary(Alu.AND, UNKNOWN, number.constant(0x3C))
    assert (index.umin, index.umax, index.mask) == (0, 0x3C, 0x3C)


def test_a_32_bit_test_bounds_the_zero_extended_copy() -> None:
    pair = refine.assume(Jump.JLT, True, UNKNOWN, number.constant(100), 32)
    assert pair is not None
    assert number.truncate(pair[0], 32).umax == 99


def test_a_shift_pair_keeps_a_sign_extended_range() -> None:
    small = number.between(-5, 7)
    low = number.truncate(small, 32)
    back = arithmetic.binary(
        Alu.ARSH, arithmetic.binary(Alu.LSH, low, number.constant(32)), number.constant(32)
    )
    assert (back.smin, back.smax) == (-5, 7)
