"""Known bits, forwards: which bits of a value are always 0 or always 1.

The same domain as the kernel's tnum (kernel/bpf/tnum.c): ``value`` has the bits known to be 1, ``unknown`` the
bits not known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ..graph.ir import Node


class Bits(NamedTuple):
    """What is known of a value."""

    value: int
    unknown: int

    @property
    def maximum(self) -> int:
        """Largest unsigned value."""
        return self.value | self.unknown

    @property
    def minimum(self) -> int:
        """Smallest unsigned value."""
        return self.value


def known_bits(nodes: Sequence[Node]) -> dict[Node, Bits]:
    """For nodes in topological order, arguments included."""
    known: dict[Node, Bits] = {}
    for node in nodes:
        mask = (1 << node.width) - 1
        if node.op == "const":
            known[node] = Bits(node.attr, 0)
            continue
        rule = _RULES.get(node.op)
        if rule is None:
            known[node] = Bits(0, mask)
            continue
        value, unknown = rule(node, [known[a] for a in node.args])
        unknown &= mask
        known[node] = Bits(value & mask & ~unknown, unknown)
    return known


def _and(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    value = a.value & b.value
    return Bits(value, a.maximum & b.maximum & ~value)


def _or(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    value = a.value | b.value
    return Bits(value, (a.unknown | b.unknown) & ~value)


def _xor(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    return Bits(a.value ^ b.value, a.unknown | b.unknown)


def _not(node: Node, args: list[Bits]) -> Bits:
    return Bits(~args[0].value, args[0].unknown)


def _add(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    low = a.value + b.value
    high = a.maximum + b.maximum
    return Bits(low, (low ^ high) | a.unknown | b.unknown)


def _sub(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    exact = a.value - b.value
    return Bits(exact, ((exact + a.unknown) ^ (exact - b.unknown)) | a.unknown | b.unknown)


def _mul(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    zeros = _trailing(a, node.width) + _trailing(b, node.width)
    top = (a.maximum * b.maximum).bit_length()
    return Bits(0, ((1 << top) - 1) >> zeros << zeros)


def _trailing(x: Bits, width: int) -> int:
    low = x.maximum & -x.maximum
    return low.bit_length() - 1 if low else width


def _mux(node: Node, args: list[Bits]) -> Bits:
    select, a, b = args
    if not select.unknown:
        return a if select.value else b
    return Bits(a.value & b.value, a.unknown | b.unknown | (a.value ^ b.value))


def _concat(node: Node, args: list[Bits]) -> Bits:
    value = unknown = low = 0
    for arg, bits in zip(node.args, args, strict=True):
        value |= bits.value << low
        unknown |= bits.unknown << low
        low += arg.width
    return Bits(value, unknown)


def _slice(node: Node, args: list[Bits]) -> Bits:
    return Bits(args[0].value >> node.attr, args[0].unknown >> node.attr)


def _zext(node: Node, args: list[Bits]) -> Bits:
    return args[0]


def _sext(node: Node, args: list[Bits]) -> Bits:
    value, unknown = args[0]
    width = node.args[0].width
    above = (1 << node.width) - (1 << width)
    sign = 1 << (width - 1)
    return Bits(value | (above if value & sign else 0), unknown | (above if unknown & sign else 0))


def _eq(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    if (a.value ^ b.value) & ~(a.unknown | b.unknown):
        return Bits(0, 0)
    return Bits(1, 0) if not (a.unknown or b.unknown) else Bits(0, 1)


def _less(a_low: int, a_high: int, b_low: int, b_high: int) -> Bits:
    if a_high < b_low:
        return Bits(1, 0)
    return Bits(0, 0) if a_low >= b_high else Bits(0, 1)


def _ult(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    return _less(a.minimum, a.maximum, b.minimum, b.maximum)


def _slt(node: Node, args: list[Bits]) -> Bits:
    sign = 1 << (node.args[0].width - 1)
    # With its sign bit turned round, two's complement compares as unsigned.
    a, b = (Bits(x.value ^ (sign & ~x.unknown), x.unknown) for x in args)
    return _less(a.minimum, a.maximum, b.minimum, b.maximum)


def _shift(node: Node, args: list[Bits]) -> Bits:
    x, amount = args
    width = node.width
    if amount.minimum >= width and node.op != "ashr":
        return Bits(0, 0)
    if node.op == "lshr":
        return Bits(0, (1 << (x.maximum >> amount.minimum).bit_length()) - 1)
    if node.op == "shl":
        most = min(amount.maximum, width)
        least = _trailing(x, width) + amount.minimum
        return Bits(0, ((1 << x.maximum.bit_length() + most) - 1) >> least << least)
    if not x.maximum >> (width - 1):
        return Bits(0, (1 << (x.maximum >> min(amount.minimum, width)).bit_length()) - 1)
    return Bits(0, (1 << width) - 1)


def _udiv(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    top = (a.maximum // max(b.minimum, 1)).bit_length()
    return Bits(0, (1 << top) - 1)


def _urem(node: Node, args: list[Bits]) -> Bits:
    a, b = args
    top = a.maximum if b.minimum == 0 else min(a.maximum, b.maximum - 1)
    return Bits(0, (1 << top.bit_length()) - 1)


_RULES: dict[str, Callable[[Node, list[Bits]], Bits]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "not": _not,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "mux": _mux,
    "concat": _concat,
    "slice": _slice,
    "zext": _zext,
    "sext": _sext,
    "eq": _eq,
    "ult": _ult,
    "slt": _slt,
    "shl": _shift,
    "lshr": _shift,
    "ashr": _shift,
    "udiv": _udiv,
    "urem": _urem,
}
