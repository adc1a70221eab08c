"""Divisions and multiplications by constants without dividers and multipliers; signs taken out of the rest."""

from __future__ import annotations

from ..graph.construct import Construct
from ..graph.ir import Graph, Node
from .rebuild import Pass, rebuild

_MOST_TERMS = 3  # a product with more shifted terms than this is left to a multiplier


def divisions(graph: Graph) -> Graph:
    """Replace what has a constant operand, and sdiv/srem by udiv/urem of magnitudes."""

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op == "mul":
            return multiply(c, node.width, args)
        if node.op in ("udiv", "urem"):
            return divide(c, node.op, *args)
        if node.op in ("sdiv", "srem"):
            return divide_signed(c, node.op, *args)
        return None

    return rebuild(graph, visit)


PASS = Pass(
    "divisions", "constant factors and divisors become shifts, adds and multiply-high; signs move out", divisions
)


def multiply(c: Construct, width: int, args: tuple[Node, ...]) -> Node | None:
    """x * constant with few signed binary digits as shifts and adds (canonical signed digit form)."""
    x, constant = args if args[1].op == "const" else (args[1], args[0])
    if constant.op != "const":
        return None
    terms = _signed_digits(int(constant.attr))
    terms = [(shift, sign) for shift, sign in terms if shift < width]
    if len(terms) > _MOST_TERMS:
        return None
    total = c.const(0, width)
    wide = c.resize(x, width)
    for shift, sign in sorted(terms, key=lambda term: -term[1]):
        term = c.op("shl", width, wide, c.const(shift, 8 + width.bit_length()))
        total = c.add(total, term) if sign > 0 else c.sub(total, term)
    return total


def _signed_digits(value: int) -> list[tuple[int, int]]:
    """(shift, +1 or -1) of the non-adjacent form of a positive number."""
    digits = []
    shift = 0
    while value:
        if value & 1:
            digit = 2 - (value & 3)
            digits.append((shift, digit))
            value -= digit
        value >>= 1
        shift += 1
    return digits


def divide(c: Construct, op: str, a: Node, b: Node) -> Node | None:
    """udiv, urem by a constant: a right shift of a product (Granlund and Montgomery, PLDI 1994)."""
    if b.op != "const":
        return None
    width, divisor = a.width, int(b.attr)
    if divisor == 0:
        return c.const(0, width) if op == "udiv" else a
    if divisor & (divisor - 1) == 0:
        shift = divisor.bit_length() - 1
        if op == "urem":
            return c.zext(c.slice(a, 0, shift), width) if shift else c.const(0, width)
        return c.zext(c.slice(a, shift, width - shift), width)
    # factor * divisor is above 2**shift by less than 2**(shift - width), so that the quotient is exact.
    shift = width + divisor.bit_length()
    factor = -(-(1 << shift) // divisor)
    bits = factor.bit_length()
    product = c.op("mul", width + bits, a, c.const(factor, bits))
    quotient = c.resize(c.slice(product, shift, width + bits - shift), width)
    if op == "udiv":
        return quotient
    multiple = c.op("mul", width, quotient, c.const(divisor, width))
    return c.sub(a, multiple)


def divide_signed(c: Construct, op: str, a: Node, b: Node) -> Node:
    """sdiv, srem from udiv, urem of magnitudes; zero divisors and the most negative number come out right."""
    width = a.width
    a_negative, b_negative = (c.slice(x, width - 1, 1) for x in (a, b))
    magnitudes = _negate_if(c, a_negative, a), _negate_if(c, b_negative, b)
    unsigned = "u" + op[1:]
    magnitude = divide(c, unsigned, *magnitudes) or c.op(unsigned, width, *magnitudes)
    negative = c.op("xor", 1, a_negative, b_negative) if op == "sdiv" else a_negative
    return _negate_if(c, negative, magnitude)


def _negate_if(c: Construct, condition: Node, x: Node) -> Node:
    return c.mux(condition, c.sub(c.const(0, x.width), x), x)
