"""Operators that are longer than a stage become smaller ones, so that registers can lie inside them.

What is left is made of additions, 18 x 18 bit products, multiplexers and gates that each fit a stage.
"""

from __future__ import annotations

from collections.abc import Callable

from ...hdl import delays
from ...hdl.target import Target
from ..graph.construct import Construct
from ..graph.ir import Graph, Node
from ..schedule import timing
from .rebuild import Pass, rebuild

Split = Callable[[Construct, str, int, tuple[Node, ...]], Node]


def expand(graph: Graph, target: Target) -> Graph:
    """Split what does not fit a stage of the target, products and variable shifts if they fill half of one, and shifts
    by amounts of which some bits are known, since those cost nothing."""
    limit = timing.budget(target)
    # Two bits of a chain take the carry in and out; see `_sum`.
    chunk = max(4, 2 * int((limit - delays.CARRY_ENDS) / delays.CARRY) - 2)

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        long = timing.need(node)
        if node.op in ("udiv", "urem"):
            return divide(c, node.op, *args)
        if node.op in ("shl", "lshr", "ashr"):
            return shift(c, node.op, *args) if long > limit / 2 or _partly_known(args[1]) else None
        if node.op == "mul":
            return multiply(c, node.width, *args) if max(a.width for a in args) > delays.MULTIPLIER_BITS else None
        if long <= limit:
            return None
        if node.op == "add":
            return _sum(c, args[0], args[1], c.const(0, 1), chunk)[0]
        if node.op == "sub":
            return _sum(c, args[0], c.not_(args[1]), c.const(1, 1), chunk)[0]
        if node.op == "ult":
            return c.not_(_sum(c, args[0], c.not_(args[1]), c.const(1, 1), chunk)[1])
        if node.op == "eq":
            return _equal(c, args[0], args[1], limit)
        if node.op == "slt":
            return c.not_(_sum(c, _flip(c, args[0]), c.not_(_flip(c, args[1])), c.const(1, 1), chunk)[1])
        return None

    # Quotients and products leave sums that may be too long themselves.
    return rebuild(rebuild(graph, visit), visit)


def for_target(target: Target) -> Pass:
    """The pass for one clock."""
    return Pass("expand", "what is longer than a stage becomes operators that fit one", lambda g: expand(g, target))


def divide(c: Construct, op: str, a: Node, b: Node) -> Node:
    """udiv, urem by restoring division: one subtraction for each quotient bit, highest first."""
    width = a.width
    remainder = c.const(0, width)
    divisor = c.zext(b, width + 1)
    quotient: list[Node] = []
    for i in reversed(range(width)):
        # Before this step at most width - 1 - i bits of the dividend have been seen.
        seen = min(width - i, width)
        shifted = c.zext(c.concat([c.slice(a, i, 1), c.slice(remainder, 0, seen)]), width + 1)
        difference = c.sub(shifted, divisor)
        fits = c.not_(c.slice(difference, width, 1))
        remainder = c.mux(fits, c.slice(difference, 0, width), c.slice(shifted, 0, width))
        quotient.insert(0, fits)
    if op == "urem":
        return remainder
    return c.mux(c.eq(b, c.const(0, width)), c.const(0, width), c.concat(quotient))


def _partly_known(amount: Node) -> bool:
    return amount.op == "zext" or (amount.op == "concat" and any(part.op == "const" for part in amount.args))


def shift(c: Construct, op: str, value: Node, amount: Node) -> Node:
    """A multiplexer for each bit of the amount that matters."""
    width = value.width
    levels = min((width - 1).bit_length(), amount.width)
    sign = c.slice(value, width - 1, 1)
    emptied = c.sext(sign, width) if op == "ashr" else c.const(0, width)
    result = value
    for level in range(levels):
        moved = c.op(op, width, result, c.const(1 << level, levels + 1))
        result = c.mux(c.slice(amount, level, 1), moved, result)
    if amount.width > levels:
        beyond = c.slice(amount, levels, amount.width - levels)
        result = c.mux(c.eq(beyond, c.const(0, beyond.width)), result, emptied)
    return result


def multiply(c: Construct, width: int, a: Node, b: Node) -> Node:
    """Products of 18-bit limbs, added up in a tree. Products that do not overlap share a row of the sum."""
    size = delays.MULTIPLIER_BITS
    rows: list[list[tuple[int, Node]]] = []
    for i in range(0, a.width, size):
        for j in range(0, b.width, size):
            low = i + j
            if low >= width:
                continue
            x = c.slice(a, i, min(size, a.width - i))
            y = c.slice(b, j, min(size, b.width - j))
            bits = min(x.width + y.width, width - low)
            product = c.op("mul", bits, *(c.slice(f, 0, min(f.width, bits)) for f in (x, y)))
            for row in rows:
                if all(low >= at + other.width or at >= low + bits for at, other in row):
                    row.append((low, product))
                    break
            else:
                rows.append([(low, product)])
    terms = [_row(c, width, row) for row in rows]
    while len(terms) > 1:
        pairs = [c.add(terms[k], terms[k + 1]) for k in range(0, len(terms) - 1, 2)]
        terms = pairs + terms[len(terms) & ~1 :]
    return terms[0]


def _row(c: Construct, width: int, row: list[tuple[int, Node]]) -> Node:
    parts: list[Node] = []
    position = 0
    for low, product in sorted(row, key=lambda entry: entry[0]):
        if low > position:
            parts.append(c.const(0, low - position))
        parts.append(product)
        position = low + product.width
    if position < width:
        parts.append(c.const(0, width - position))
    return c.concat(parts)


def _equal(c: Construct, a: Node, b: Node, limit: float) -> Node:
    """All parts are equal."""
    whole = c.eq(a, b)
    if timing.need(whole) <= limit or a.width < 4:
        return whole
    half = a.width // 2
    cuts = ((0, half), (half, a.width - half))
    low, high = (_equal(c, c.slice(a, at, width), c.slice(b, at, width), limit) for at, width in cuts)
    return c.and_(low, high)


def _flip(c: Construct, x: Node) -> Node:
    """Two's complement order becomes unsigned order when the sign bit is turned round."""
    return c.op("xor", x.width, x, c.const(1 << (x.width - 1), x.width))


def _sum(c: Construct, a: Node, b: Node, carry: Node, chunk: int) -> tuple[Node, Node]:
    """(a + b + carry, carry out) in carry chains of ``chunk`` bits."""
    parts = []
    for low in range(0, a.width, chunk):
        width = min(chunk, a.width - low)
        x, y = (c.slice(v, low, width) for v in (a, b))
        # A one and the carry below the lowest bits carry into them; the bit above takes the carry out.
        one, zero = c.const(1, 1), c.const(0, 1)
        total = c.add(c.concat([one, x, zero]), c.concat([carry, y, zero]))
        parts.append(c.slice(total, 1, width))
        carry = c.slice(total, width + 1, 1)
    return c.concat(parts), carry
