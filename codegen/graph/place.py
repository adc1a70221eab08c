"""Bytes at variable positions: where an access may begin, and the shifters that move bytes there and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..verify.result import Scalar
from .construct import Construct
from .ir import Node


@dataclass(frozen=True, slots=True)
class Span:
    """Where an access of ``size`` bytes may begin: positions low..high, low + a multiple of ``step`` (bytes).

    ``index`` is the node (position - low) / step; None when there is one position only.
    """

    low: int
    high: int
    step: int
    index: Node | None

    @property
    def constant(self) -> int | None:
        """The position when it is the only one."""
        return self.low if self.index is None else None


def span(c: Construct, offset: Node, fact: Scalar, displacement: int, low: int, high: int) -> Span:
    """Positions of ``offset + displacement`` (64-bit node), known to lie in [low, high] and as ``fact`` says."""
    if offset.op == "const":
        position = signed_64(offset.attr + displacement)
        return Span(position, position, 1, None)
    if fact.constant is not None:
        position = signed_64(fact.constant + displacement)
        return Span(position, position, 1, None)
    low = max(low, fact.smin + displacement)
    high = min(high, fact.smax + displacement)
    # Low bits that are known give a stride.
    known = min((fact.mask & -fact.mask).bit_length() - 1 if fact.mask else 63, 6)
    step = 1 << known
    residue = (fact.value + displacement) % step
    low += (residue - low) % step
    high = max(low, high - (high - residue) % step)
    return between(c, c.add(offset, c.const(displacement, 64)), low, high, step)


def between(c: Construct, position: Node, low: int, high: int, step: int) -> Span:
    """The span of a position (64-bit node) that is ``low`` plus a multiple of ``step``, ``high`` at most."""
    if low == high:
        return Span(low, low, 1, None)
    bits = ((high - low) // step).bit_length()
    return Span(low, high, step, c.slice(c.add(position, c.const(-low, 64)), step.bit_length() - 1, bits))


def signed_64(value: int) -> int:
    """A 64-bit number in two's complement."""
    return (value & (1 << 64) - 1 ^ 1 << 63) - (1 << 63)


def load(c: Construct, where: Span, size: int, byte: Callable[[int], Node]) -> Node:
    """``size`` bytes from a variable position as a node of 8*size bits; ``byte`` gives single bytes."""
    all_bytes = c.concat([byte(p) for p in range(where.low, where.high + size)])
    if where.index is None:
        return all_bytes
    amount = c.concat([c.const(0, 3 + where.step.bit_length() - 1), where.index])
    return c.slice(c.op("lshr", all_bytes.width, all_bytes, amount), 0, 8 * size)


def store(
    c: Construct, where: Span, size: int, value: Node, byte: Callable[[int], Node]
) -> dict[int, tuple[Node, Node]]:
    """A store of ``size`` bytes to a variable position: position -> (written: 1 bit, new byte: 8 bits)."""
    data = [c.slice(value, 8 * i, 8) for i in range(size)]
    result = {}
    for position, enable, new in spread(c, where, data, (1 << size) - 1, c.const(1, 1)):
        result[position] = enable, new if where.index is None else c.mux(enable, new, byte(position))
    return result


def spread(c: Construct, where: Span, data: Sequence[Node], mask: int, happens: Node) -> list[tuple[int, Node, Node]]:
    """Where bytes end up that begin at a variable position: (position, written: 1 bit, the byte if so) for all they
    can reach. Bit i of ``mask``: whether byte i is written where ``happens`` (1 bit).

    No byte is shifted all the way: those that end up at positions with equal remainders modulo their number (rounded up
    to a power of two) come from one of as many bytes, rotated, and the enables tell which one is meant.
    """
    size = len(data)
    if where.index is None:
        return [(where.low + i, happens, byte) for i, byte in enumerate(data) if mask >> i & 1]
    count = where.high + size - where.low
    shift = where.step.bit_length() - 1
    distance = c.concat([c.const(0, shift), where.index]) if shift else where.index
    enables = c.and_(c.op("shl", count, c.const(mask, count), distance), c.sext(happens, count))
    levels = (size - 1).bit_length()
    around = 1 << levels
    rotated = [*data, *[c.const(0, 8)] * (around - size)]
    for level in range(min(levels, distance.width)):
        select, turn = c.slice(distance, level, 1), 1 << level
        if select.op != "const" or select.attr:
            rotated = [c.mux(select, rotated[i - turn], rotated[i]) for i in range(around)]
    return [(where.low + i, c.slice(enables, i, 1), rotated[i % around]) for i in range(count)]
