"""Building graphs: every pure node exists once (hash-consing) and local identities are applied as it is made.

Passes rebuild graphs through this class too, so an identity that holds for one node in isolation belongs here and
nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...hdl.maps.base import SiteKind
from ...hdl.operators import OPERATORS
from .ir import Graph, Node, Order, Site


class Construct:
    """Appends nodes to ``graph``. ``slot`` is the instruction the next nodes come from (None: glue)."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.slot: int | None = None
        self._known: dict[tuple[Any, ...], Node] = {}
        self._sites = 0

    def _make(self, op: str, width: int, args: tuple[Node, ...], attr: Any) -> Node:
        key = (op, width, attr, args)
        node = self._known.get(key)
        if node is None:
            node = Node(len(self.graph.nodes), op, width, args, attr, self.slot)
            self.graph.nodes.append(node)
            self._known[key] = node
        return node

    def const(self, value: int, width: int) -> Node:
        """A constant, truncated to ``width`` bits."""
        return self._make("const", width, (), value & ((1 << width) - 1))

    def input(self, name: str, width: int) -> Node:
        """A graph input."""
        return self._make("input", width, (), name)

    def site(
        self,
        unit: str,
        kind: SiteKind,
        predicate: Node,
        *operands: Node,
        number: int | None = None,
        accesses: int = 1,
    ) -> Node:
        """A new access site; never shared. ``number`` and ``accesses`` keep those of a site that is being rebuilt."""
        widths = [width for _, width in kind.operands]
        if [o.width for o in operands] != widths or predicate.width != 1:
            raise ValueError(f"site {unit}.{kind.name}: operand widths {[o.width for o in operands]}, not {widths}")
        if number is None:
            number = self._sites
        self._sites = max(self._sites, number + 1)
        graph = self.graph
        node = Node(
            len(graph.nodes),
            "site",
            kind.result_width,
            (predicate, *operands),
            Site(unit, kind, number, accesses),
            self.slot,
        )
        graph.nodes.append(node)
        return node

    def field(self, site: Node, name: str) -> Node:
        """One result field of a site."""
        low = 0
        for field, width in site.attr.kind.results:
            if field == name:
                return self.slice(site, low, width)
            low += width
        raise ValueError(f"site {site.attr.unit}.{site.attr.kind.name} has no result {name}")

    def order(self, before: Node, after: Node, distance: int) -> None:
        """``after`` issues at least ``distance`` stages later than ``before``."""
        self.graph.order.append(Order(before, after, distance))

    def op(self, name: str, width: int, *args: Node, attr: Any = None) -> Node:
        """A pure operator of `hdl.operators`, simplified."""
        simplify = _IDENTITIES.get(name)
        if simplify is not None:
            node: Node | None = simplify(self, width, args, attr)
            if node is not None:
                return node
        for arg in args:
            if arg.op != "const":
                break
        else:
            value = OPERATORS[name].evaluate(width, attr, [a.width for a in args], [a.attr for a in args])
            return self.const(value, width)
        if name in _COMMUTATIVE and (args[0].op == "const" or (args[1].op != "const" and args[0].id > args[1].id)):
            args = (args[1], args[0])
        return self._make(name, width, args, attr)

    # Short names for what is written most.

    def slice(self, x: Node, low: int, width: int) -> Node:
        """Bits [low, low + width) of x."""
        return self.op("slice", width, x, attr=low)

    def concat(self, parts: Sequence[Node]) -> Node:
        """The parts side by side, the first one lowest."""
        if len(parts) == 1:
            return parts[0]
        return self.op("concat", sum(p.width for p in parts), *parts)

    def zext(self, x: Node, width: int) -> Node:
        """x with zeros in front."""
        return x if x.width == width else self.op("zext", width, x)

    def sext(self, x: Node, width: int) -> Node:
        """x with copies of its sign in front."""
        return x if x.width == width else self.op("sext", width, x)

    def resize(self, x: Node, width: int) -> Node:
        """x truncated or zero-extended to ``width`` bits."""
        return self.slice(x, 0, width) if x.width > width else self.zext(x, width)

    def mux(self, select: Node, a: Node, b: Node) -> Node:
        """a where select, otherwise b."""
        return self.op("mux", a.width, select, a, b)

    def not_(self, x: Node) -> Node:
        """Bitwise complement."""
        return self.op("not", x.width, x)

    def and_(self, a: Node, b: Node) -> Node:
        """Bitwise and."""
        return self.op("and", a.width, a, b)

    def or_(self, a: Node, b: Node) -> Node:
        """Bitwise or."""
        return self.op("or", a.width, a, b)

    def eq(self, a: Node, b: Node) -> Node:
        """1 bit: equal."""
        return self.op("eq", 1, a, b)

    def ult(self, a: Node, b: Node) -> Node:
        """1 bit: a < b, unsigned."""
        return self.op("ult", 1, a, b)

    def slt(self, a: Node, b: Node) -> Node:
        """1 bit: a < b, two's complement."""
        return self.op("slt", 1, a, b)

    def add(self, a: Node, b: Node) -> Node:
        """Sum, same width."""
        return self.op("add", a.width, a, b)

    def sub(self, a: Node, b: Node) -> Node:
        """Difference, same width."""
        return self.op("sub", a.width, a, b)


_COMMUTATIVE = frozenset({"add", "mul", "and", "or", "xor", "eq"})


def _is(node: Node, value: int) -> bool:
    return node.op == "const" and bool(node.attr == value)


def _ones(node: Node) -> bool:
    return node.op == "const" and bool(node.attr == (1 << node.width) - 1)


def _complements(a: Node, b: Node) -> bool:
    return (a.op == "not" and a.args[0] is b) or (b.op == "not" and b.args[0] is a)


def _slice(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    x, low = args[0], int(attr)
    if low == 0 and width == x.width:
        return x
    if x.op == "slice":
        return c.slice(x.args[0], x.attr + low, width)
    if x.op == "concat":
        parts: list[Node] = []
        base = 0
        for part in x.args:
            a, b = max(low, base), min(low + width, base + part.width)
            if a < b:
                parts.append(c.slice(part, a - base, b - a))
            base += part.width
        return c.concat(parts)
    if x.op in ("zext", "sext"):
        inner = x.args[0]
        if low + width <= inner.width:
            return c.slice(inner, low, width)
        if x.op == "zext":
            if low >= inner.width:
                return c.const(0, width)
            return c.zext(c.slice(inner, low, inner.width - low), width)
        if low == 0:
            return c.sext(inner, width)
    if x.op in ("and", "or", "xor") and x.args[1].op == "const":
        return c.op(x.op, width, c.slice(x.args[0], low, width), c.slice(x.args[1], low, width))
    if x.op == "not":
        return c.not_(c.slice(x.args[0], low, width))
    return None


def _concat(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    parts: list[Node] = []
    for arg in args:
        for part in arg.args if arg.op == "concat" else (arg,):
            if part.width == 0:
                continue
            if parts:
                last = parts[-1]
                if last.op == "const" and part.op == "const":
                    parts[-1] = c.const(last.attr | part.attr << last.width, last.width + part.width)
                    continue
                a, a_low = (last.args[0], last.attr) if last.op == "slice" else (last, 0)
                if part.op == "slice" and part.args[0] is a and part.attr == a_low + last.width:
                    parts[-1] = c.slice(a, a_low, last.width + part.width)
                    continue
            parts.append(part)
    if len(parts) > 1 and _is(parts[-1], 0):
        return c.zext(c.concat(parts[:-1]), width)
    if len(parts) > 1 and parts[-1].op == "zext":
        return c.zext(c.concat([*parts[:-1], parts[-1].args[0]]), width)
    if len(parts) == 1:
        return parts[0]
    if tuple(parts) != args:
        return c.concat(parts)
    return None


def _zext(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    x = args[0]
    if x.width == width:
        return x
    return c.zext(x.args[0], width) if x.op == "zext" else None


def _sext(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    x = args[0]
    if x.width == width:
        return x
    if x.op == "sext":
        return c.sext(x.args[0], width)
    if x.op == "zext" and x.args[0].width < x.width:
        return c.zext(x.args[0], width)
    return None


def _mux(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    s, a, b = args
    if a is b:
        return a
    if s.op == "const":
        return a if s.attr else b
    if s.op == "not":
        return c.mux(s.args[0], b, a)
    if a.op == "mux" and a.args[0] is s:
        return c.mux(s, a.args[1], b)
    if b.op == "mux" and b.args[0] is s:
        return c.mux(s, a, b.args[2])
    if a.op == b.op == "zext":
        inner = max(a.args[0].width, b.args[0].width)
        return c.zext(c.mux(s, c.resize(a, inner), c.resize(b, inner)), width)
    for x, y in ((a, b), (b, a)):
        if x.op == "zext" and y.op == "const":
            inner = max(x.args[0].width, int(y.attr).bit_length())
            if inner < width:
                return c.zext(c.mux(s, c.resize(a, inner), c.resize(b, inner)), width)
    if width == 1:
        if a.op == "const":
            return c.or_(s, b) if a.attr else c.and_(c.not_(s), b)
        if b.op == "const":
            return c.or_(c.not_(s), a) if b.attr else c.and_(s, a)
    return None


def _and(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a.op == "const":
        a, b = b, a
    if a is b or _ones(b):
        return a
    if _is(b, 0) or _complements(a, b):
        return c.const(0, width)
    if b.op == "const" and a.op == "and" and a.args[1].op == "const":
        return c.and_(a.args[0], c.const(a.args[1].attr & b.attr, width))
    if b.op == "const" and width > 1:
        kept = int(b.attr).bit_length()
        if b.attr == (1 << kept) - 1:
            return c.zext(c.slice(a, 0, kept), width)
    for x, y in ((a, b), (b, a)):
        if x.op == "zext" and (y.op in ("zext", "const")):
            inner = x.args[0].width if y.op == "const" else min(x.args[0].width, y.args[0].width)
            return c.zext(c.and_(c.slice(x, 0, inner), c.slice(y, 0, inner)), width)
        if x.op == "and" and (x.args[0] is y or x.args[1] is y):
            return x
    return None


def _or(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a.op == "const":
        a, b = b, a
    if a is b or _is(b, 0):
        return a
    if _ones(b) or _complements(a, b):
        return c.const(-1, width)
    return _merge_disjoint(c, width, a, b)


def _merge_disjoint(c: Construct, width: int, a: Node, b: Node) -> Node | None:
    """``zext(low) | low_zeros ++ high``: bytes put together by shifts are a concatenation."""
    for x, y in ((a, b), (b, a)):
        if y.op == "zext":
            y = y.args[0]
        if x.op == "zext" and y.op == "concat" and _is(y.args[0], 0) and y.args[0].width >= x.args[0].width:
            low = c.zext(x.args[0], y.args[0].width)
            return c.zext(c.concat([low, *y.args[1:]]), width)
    return None


def _xor(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a.op == "const":
        a, b = b, a
    if a is b:
        return c.const(0, width)
    if _is(b, 0):
        return a
    if _ones(b):
        return c.not_(a)
    return None


def _not(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    return args[0].args[0] if args[0].op == "not" else None


def _add(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a.op == "const":
        a, b = b, a
    if _is(b, 0):
        return a
    if b.op == "const" and a.op == "add" and a.args[1].op == "const":
        return c.add(a.args[0], c.const(a.args[1].attr + b.attr, width))
    return None


def _sub(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a is b:
        return c.const(0, width)
    if b.op == "const":
        return c.add(a, c.const(-b.attr, width))
    return None


def _eq(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a.op == "const":
        a, b = b, a
    if a is b or a.width == 0:
        return c.const(1, 1)
    if a.width == 1 and b.op == "const":
        return a if b.attr else c.not_(a)
    if a.op == "zext":
        inner = a.args[0].width
        if b.op == "const":
            return c.const(0, 1) if b.attr >> inner else c.eq(a.args[0], c.const(b.attr, inner))
        if b.op == "zext":
            inner = max(inner, b.args[0].width)
            return c.eq(c.resize(a, inner), c.resize(b, inner))
    return None


def _ult(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a is b or _is(b, 0) or _ones(a):
        return c.const(0, 1)
    if _is(b, 1):
        return c.eq(a, c.const(0, a.width))
    if _is(a, 0):
        return c.not_(c.eq(b, c.const(0, b.width)))
    inner = max(_significant(a), _significant(b))
    if inner < a.width:
        if b.op == "const" and b.attr >> _significant(a):
            return c.const(1, 1)
        if a.op == "const" and a.attr >> _significant(b):
            return c.const(0, 1)
        return c.ult(c.slice(a, 0, inner), c.slice(b, 0, inner))
    return None


def _slt(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
    a, b = args
    if a is b:
        return c.const(0, 1)
    if max(_significant(a), _significant(b)) < a.width:
        return c.ult(a, b)
    return None


def _significant(x: Node) -> int:
    """Bits of x that may be set, from its top node alone."""
    if x.op == "zext":
        return x.args[0].width
    return max(1, int(x.attr).bit_length()) if x.op == "const" else x.width


def _shift(name: str) -> Any:
    def simplify(c: Construct, width: int, args: tuple[Node, ...], attr: Any) -> Node | None:
        x, amount = args
        if amount.op != "const":
            return None
        n = amount.attr
        if n == 0:
            return x
        if n >= width:
            return c.const(0, width) if name != "ashr" else c.sext(c.slice(x, width - 1, 1), width)
        if name == "shl":
            return c.concat([c.const(0, n), c.slice(x, 0, width - n)])
        kept = c.slice(x, n, width - n)
        return c.zext(kept, width) if name == "lshr" else c.sext(kept, width)

    return simplify


_IDENTITIES: dict[str, Any] = {
    "slice": _slice,
    "concat": _concat,
    "zext": _zext,
    "sext": _sext,
    "mux": _mux,
    "and": _and,
    "or": _or,
    "xor": _xor,
    "not": _not,
    "add": _add,
    "sub": _sub,
    "eq": _eq,
    "ult": _ult,
    "slt": _slt,
    "shl": _shift("shl"),
    "lshr": _shift("lshr"),
    "ashr": _shift("ashr"),
}
