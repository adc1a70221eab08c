"""Operators shrink to the bits that are not known and that somebody needs.

Most 64-bit values of a BPF program have 8, 16 or 32 real bits. `known` and `demanded` say which; here every node is
computed on those bits alone and put together again with constants, which is wiring.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..graph.construct import Construct
from ..graph.ir import Graph, Node
from .demanded import demanded_bits
from .known import Bits, known_bits
from .rebuild import Pass, live, plain, rebuild


def narrow(graph: Graph) -> Graph:
    """One round over the graph."""
    nodes = live(graph)
    known = known_bits(nodes)
    demanded = demanded_bits(graph, nodes, known)

    def visit(c: Construct, node: Node, args: tuple[Node, ...]) -> Node | None:
        if node.op in ("const", "input", "site"):
            return None
        facts = known[node]
        wanted = demanded[node] & facts.unknown
        if not wanted:
            return c.const(facts.value, node.width)
        rule = _RULES.get(node.op)
        return rule(c, node, args, wanted, known) if rule is not None else None

    return rebuild(graph, visit)


PASS = Pass("narrow", "operators shrink to the bits that are unknown and needed", narrow)

Args = tuple[Node, ...]
Facts = Mapping[Node, Bits]
Rule = Callable[[Construct, Node, Args, int, Facts], Node | None]


_MOST_RUNS = 4  # more pieces than this cost more nodes than they save bits


def runs(mask: int) -> list[tuple[int, int]]:
    """(low, width) of the runs of ones in a mask, lowest first; one run around them all if they are many."""
    found = []
    low = 0
    while mask:
        skip = (mask & -mask).bit_length() - 1
        mask >>= skip
        width = (~mask & (mask + 1)).bit_length() - 1
        found.append((low + skip, width))
        mask >>= width
        low += skip + width
    if len(found) > _MOST_RUNS:
        first = found[0][0]
        return [(first, low - first)]
    return found


def _bitwise(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """and, or, xor, not, mux: each run of interesting bits on its own."""
    if wanted == (1 << node.width) - 1:
        return None
    parts: list[Node] = []
    position = 0
    for low, width in runs(wanted):
        if low > position:
            parts.append(c.const(known[node].value >> position, low - position))
        cut = [a if node.op == "mux" and i == 0 else c.slice(a, low, width) for i, a in enumerate(args)]
        parts.append(c.op(node.op, width, *cut))
        position = low + width
    if position < node.width:
        parts.append(c.const(known[node].value >> position, node.width - position))
    return c.concat(parts)


def _carrying(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """add, sub: nothing above the highest interesting bit; low bits that meet zeros pass through."""
    top = wanted.bit_length()
    a, b = (known[x] for x in node.args)
    low = min(_zeros(b), top)
    passing = args[0]
    if node.op == "add" and _zeros(a) > low:
        low, passing = min(_zeros(a), top), args[1]
    if low == 0 and top == node.width:
        return None
    parts = []
    if low:
        parts.append(c.slice(passing, 0, low))
    if top > low:
        parts.append(c.op(node.op, top - low, *(c.slice(x, low, top - low) for x in args)))
    if top < node.width:
        parts.append(c.const(known[node].value >> top, node.width - top))
    return c.concat(parts)


def _zeros(bits: Bits) -> int:
    """Low bits known to be zero."""
    possible = bits.maximum
    return (possible & -possible).bit_length() - 1 if possible else 1 << 30


def _multiply(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Zeros below become wiring, zeros above make the arguments narrower."""
    top = wanted.bit_length()
    low = 0
    factors = []
    for arg, old in zip(args, node.args, strict=True):
        shift = min(_zeros(known[old]), arg.width - 1)
        width = min(known[old].maximum.bit_length(), top) - shift
        if width <= 0 or low + shift >= top:
            return None
        low += shift
        factors.append(c.slice(arg, shift, width))
    width = top - low
    factors = [c.slice(f, 0, min(width, f.width)) for f in factors]
    product = c.op("mul", width, *factors)
    parts = [c.const(0, low)] if low else []
    parts.append(product)
    if top < node.width:
        parts.append(c.const(known[node].value >> top, node.width - top))
    return c.concat(parts)


def _equal(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Bits known on both sides need no comparing (they are equal, or the result were known)."""
    top = max(_signed_width(x) for x in args)
    if top < args[0].width:
        return c.eq(*(c.slice(x, 0, top) for x in args))
    a, b = (known[x] for x in node.args)
    open_bits = a.unknown | b.unknown
    if open_bits == (1 << args[0].width) - 1:
        return None
    spans = runs(open_bits)
    return c.eq(*(c.concat([c.slice(x, low, width) for low, width in spans]) for x in args))


def _below(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Leading bits known to be equal need no comparing; slt with known signs is ult."""
    a, b = (known[x] for x in node.args)
    width = args[0].width
    sign = width - 1
    if node.op == "slt" and ((a.unknown | b.unknown) >> sign & 1 or (a.value ^ b.value) >> sign):
        top = max(_signed_width(x) for x in args)
        return c.slt(*(c.slice(x, 0, top) for x in args)) if top < width else None
    top = max(((a.value ^ b.value) | a.unknown | b.unknown).bit_length(), 1)
    x, y = (c.slice(arg, 0, top) for arg in args)
    if y.op == "const" and y.attr:
        # Low zeros of a bound do not matter: x < 0x40 looks at the bits from 6 up.
        return _less(c, x, y)
    if x.op == "const" and x.attr + 1 < 1 << top:
        return c.not_(_less(c, y, c.const(x.attr + 1, top)))
    return c.ult(x, y)


def _less(c: Construct, x: Node, bound: Node) -> Node:
    low = _zeros(Bits(bound.attr, 0))
    return c.ult(*(c.slice(value, low, x.width - low) for value in (x, bound)))


def _signed_width(x: Node) -> int:
    """Bits that hold the value in two's complement, from its top node alone."""
    if x.op == "const":
        negative = int(x.attr) >> (x.width - 1)
        return (int(x.attr) ^ ((1 << x.width) - 1 if negative else 0)).bit_length() + 1
    if x.op == "sext":
        return x.args[0].width
    return min(x.args[0].width + 1, x.width) if x.op == "zext" else x.width


def _shift(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Amounts lose bits that are zero; values lose what is shifted out or never needed."""
    value, amount = args
    width = node.width
    facts, amounts = (known[x] for x in node.args)
    if not amounts.unknown:
        amount = c.const(amounts.value, amount.width)
    else:
        amount = c.slice(amount, 0, amounts.maximum.bit_length())
    if node.op == "shl":
        top = wanted.bit_length()
    else:
        top = facts.maximum.bit_length()
    if top == width and amount is args[1]:
        return None
    op = "lshr" if node.op == "ashr" and top < width else node.op
    return c.zext(c.op(op, top, c.slice(value, 0, top), amount), width)


def _divide(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """udiv, urem: as wide as the wider argument's real bits."""
    top = max(max(known[x].maximum.bit_length() for x in node.args), 1)
    if top == node.width:
        return None
    return c.zext(c.op(node.op, top, *(c.slice(x, 0, top) for x in args)), node.width)


def _signed_divide(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Two numbers that are not negative divide without signs."""
    if any(known[x].maximum >> (node.width - 1) for x in node.args):
        return None
    return _divide(c, Node(0, "u" + node.op[1:], node.width, node.args, None, None), args, wanted, known)


def _sign_extension(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Copies of a known sign are constants; copies nobody needs are left out."""
    inner = args[0].width
    if not wanted >> inner:
        above = known[node].value >> inner
        return c.concat([args[0], c.const(above, node.width - inner)])
    top = wanted.bit_length()
    return c.zext(c.sext(args[0], top), node.width) if top < node.width else None


def _plain(c: Construct, node: Node, args: Args, wanted: int, known: Facts) -> Node | None:
    """Wiring: what is not wanted is cut off above and below, so that it no longer keeps its arguments alive."""
    top = wanted.bit_length()
    low = (wanted & -wanted).bit_length() - 1
    if low == 0 and top == node.width:
        return None
    middle = c.slice(plain(c, node, args), low, top - low)
    parts = [c.const(known[node].value, low)] if low else []
    parts.append(middle)
    if top < node.width:
        parts.append(c.const(known[node].value >> top, node.width - top))
    return c.concat(parts)


_RULES: Mapping[str, Rule] = {
    **dict.fromkeys(("and", "or", "xor", "not", "mux"), _bitwise),
    **dict.fromkeys(("add", "sub"), _carrying),
    "mul": _multiply,
    "eq": _equal,
    **dict.fromkeys(("ult", "slt"), _below),
    **dict.fromkeys(("shl", "lshr", "ashr"), _shift),
    **dict.fromkeys(("udiv", "urem"), _divide),
    **dict.fromkeys(("sdiv", "srem"), _signed_divide),
    "sext": _sign_extension,
    **dict.fromkeys(("concat", "slice", "zext"), _plain),
}
