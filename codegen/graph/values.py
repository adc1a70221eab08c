"""What a register or a byte of memory holds while a program is turned into a graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ..verify.result import Kind
from .construct import Construct
from .ir import Node
from .predicates import FALSE, Predicates

STACK_KINDS = (Kind.STACK, Kind.ITERATOR)
"""Pointers into the stack of one call depth: to any byte of it, and to the number in an iterator."""

FRAMED_KINDS = (*STACK_KINDS, Kind.RECORD, Kind.MAP_KEY)
"""Pointers whose ``frame`` says where they are from, or what they point to."""


@dataclass(frozen=True, slots=True, eq=False)
class MapEntry:
    """The entry a lookup found: ``found`` (1 bit), ``address`` (its first row), ``tag``.

    ``born``: the path predicate under which it exists. ``stale``: where an update or delete of the map came after
    the lookup, so that Linux's pointer and the hardware's row may have parted.
    """

    found: Node
    address: Node
    tag: Node
    born: int
    stale: int


@dataclass(frozen=True, slots=True, eq=False)
class Pointer:
    """``offset`` is a 64-bit node, relative to what `verify.result.Pointer` says for its kind. ``record``: which
    reservation it points into (a point may reserve one of several records, on different paths). ``uncut``: the same as
    ``offset`` with the bits that are known to be zero on this path, by which pointers are told apart; None if that has
    them all."""

    kind: Kind
    offset: Node
    map: str | None = None
    frame: int = 0
    entry: MapEntry | None = None
    record: int = 0
    uncut: Node | None = None

    @property
    def whole(self) -> Node:
        """The offset with all its bits."""
        return self.offset if self.uncut is None else self.uncut


@dataclass(frozen=True, slots=True, eq=False)
class Union:
    """Values of different kinds; the predicates are disjoint and absolute (they include the path)."""

    alternatives: tuple[tuple[int, Node | Pointer], ...]


Value = Node | Pointer | Union
"""A 64-bit number (in memory: any whole number of bytes), a pointer, or one of several."""


def alternatives(value: Value, path: int) -> tuple[tuple[int, Node | Pointer], ...]:
    """What it can be on a path, and when."""
    return value.alternatives if isinstance(value, Union) else ((path, value),)


class Merger:
    """Joins the values of several edges, given their disjoint predicates; the union of those is the care set."""

    def __init__(self, c: Construct, p: Predicates, edges: list[int]) -> None:
        self._c = c
        self._p = p
        self._edges = edges
        self.reach = FALSE
        for edge in edges:
            self.reach = p.either(self.reach, edge)
        # Edges are tested one after the other, each given that none before it holds; the last needs no test.
        self._selects: list[Node] = []
        rest = self.reach
        for edge in edges[:-1]:
            self._selects.append(p.node(p.given(edge, rest)))
            rest = p.both(rest, p.invert(edge))
        self._memo: dict[tuple[int, ...], Value | None] = {}
        self._keep: list[object] = []

    def nodes(self, nodes: list[Node]) -> Node:
        """One node that is the edge's node on every edge."""
        result = nodes[-1]
        for select, node in zip(reversed(self._selects), reversed(nodes[:-1]), strict=True):
            result = self._c.mux(select, node, result)
        return result

    def values(self, values: list[Value | None]) -> Value | None:
        """One value; None (unknown on some edge) stays None: verification shows that nobody reads it."""
        first = values[0]
        if all(v is first for v in values):
            return first
        key = tuple(map(id, values))
        if key not in self._memo:
            self._keep.append(values)
            self._memo[key] = self._merge(values)
        return self._memo[key]

    def _merge(self, values: list[Value | None]) -> Value | None:
        known = [(e, v) for e, v in zip(self._edges, values, strict=True) if v is not None]
        if not known:
            return None
        nodes = [v for _, v in known if isinstance(v, Node)]
        if len(nodes) == len(values) and len({n.width for n in nodes}) == 1:
            return self.nodes(nodes)
        flat: list[tuple[int, Node | Pointer]] = []
        for edge, value in known:
            parts = alternatives(value, edge)
            flat += [(self._p.both(edge, q), part) for q, part in parts]
        groups: list[list[tuple[int, Node | Pointer]]] = []
        for item in flat:
            for group in groups:
                if _alike(group[0][1], item[1]):
                    group.append(item)
                    break
            else:
                groups.append([item])
        merged = [(self._union(group), self._group(group)) for group in groups]
        if len(merged) == 1:
            return merged[0][1]
        return Union(tuple(merged))

    def _union(self, group: list[tuple[int, Node | Pointer]]) -> int:
        result = FALSE
        for q, _ in group:
            result = self._p.either(result, q)
        return result

    def _group(self, group: list[tuple[int, Node | Pointer]]) -> Node | Pointer:
        if len(group) == 1:
            return group[0][1]
        inner = Merger(self._c, self._p, [q for q, _ in group])
        parts = [v for _, v in group]
        if isinstance(parts[0], Node):
            return inner.nodes([v for v in parts if isinstance(v, Node)])
        pointers = [v for v in parts if isinstance(v, Pointer)]
        head = pointers[0]
        offset = inner.nodes([v.offset for v in pointers])
        uncut = inner.nodes([v.whole for v in pointers]) if any(v.uncut is not None for v in pointers) else None
        entry = head.entry
        if entry is not None:
            entries = [v.entry for v in pointers if v.entry is not None]
            if any(e is not entry for e in entries):
                stale = FALSE
                for (q, _), e in zip(group, entries, strict=True):
                    stale = self._p.either(stale, self._p.both(q, e.stale))
                entry = MapEntry(
                    inner.nodes([e.found for e in entries]),
                    inner.nodes([e.address for e in entries]),
                    inner.nodes([e.tag for e in entries]),
                    inner.reach,
                    stale,
                )
        return replace(head, offset=offset, entry=entry, uncut=uncut)


def _alike(a: Node | Pointer, b: Node | Pointer) -> bool:
    if isinstance(a, Node) or isinstance(b, Node):
        return isinstance(a, Node) and isinstance(b, Node)
    return a.kind is b.kind and a.map == b.map and a.frame == b.frame and a.record == b.record


@dataclass(frozen=True, slots=True)
class Cell:
    """One byte of memory: byte ``index`` of a value that was stored as ``size`` bytes."""

    value: Value
    index: int
    size: int


class Memory:
    """Bytes at constant positions, as values. ``default`` gives a byte nobody wrote as an 8-bit node.

    Copy on write: `fork` is free, so that a state can be handed to both sides of a branch.
    """

    def __init__(self, c: Construct, default: Callable[[int], Node], cells: dict[int, Cell] | None = None) -> None:
        self._c = c
        self._default = default
        self._cells: dict[int, Cell] = {} if cells is None else cells
        self._shared = False

    def fork(self) -> Memory:
        """An independent copy."""
        self._shared = True
        copy = Memory(self._c, self._default, self._cells)
        copy._shared = True
        return copy

    def _own(self) -> dict[int, Cell]:
        if self._shared:
            self._cells = dict(self._cells)
            self._shared = False
        return self._cells

    def byte(self, position: int) -> Node:
        """One byte as an 8-bit node."""
        cell = self._cells.get(position)
        if cell is None:
            return self._default(position)
        if not isinstance(cell.value, Node):
            raise TypeError(f"byte {position} is part of a pointer")
        return self._c.slice(cell.value, 8 * cell.index, 8)

    def read(self, position: int, size: int) -> Value:
        """``size`` bytes: a pointer if one was stored there as a whole, otherwise a node of 8*size bits."""
        first = self._cells.get(position)
        if first is not None and first.index == 0 and first.size == size:
            rest = (self._cells.get(position + i) for i in range(size))
            if all(x is not None and x.value is first.value and x.index == i for i, x in enumerate(rest)):
                return first.value
        return self._c.concat([self.byte(position + i) for i in range(size)])

    def write(self, position: int, size: int, value: Value) -> None:
        """Store; a node must have 8*size bits."""
        cells = self._own()
        for i in range(size):
            cells[position + i] = Cell(value, i, size)

    def holds_pointer(self, position: int, size: int) -> bool:
        """Whether any of the bytes is part of a stored pointer."""
        return any(
            not isinstance(cell.value, Node)
            for cell in (self._cells.get(position + i) for i in range(size))
            if cell is not None
        )

    def positions(self) -> Iterator[int]:
        """Positions that were written."""
        return iter(self._cells)

    def transform(self, f: Callable[[Value], Value]) -> None:
        """Replace every stored value by f of it."""
        memo: dict[int, Value] = {}
        changed = {}
        for position, cell in self._cells.items():
            new = memo.get(id(cell.value))
            if new is None:
                new = memo[id(cell.value)] = f(cell.value)
            if new is not cell.value:
                changed[position] = Cell(new, cell.index, cell.size)
        if changed:
            self._own().update(changed)

    @staticmethod
    def merge(memories: list[Memory], merger: Merger) -> Memory:
        """The memory after a join."""
        first = memories[0]
        if all(m._cells is first._cells for m in memories):
            return first.fork()
        result = Memory(first._c, first._default)
        positions = {p for m in memories for p in m._cells}
        for position in positions:
            cells = [m._cells.get(position) for m in memories]
            head = cells[0]
            if head is not None and all(x is not None and x.index == head.index and x.size == head.size for x in cells):
                value = merger.values([x.value for x in cells if x is not None])
                assert value is not None
                result._cells[position] = Cell(value, head.index, head.size)
                continue
            if any(x is not None and not isinstance(x.value, Node) for x in cells):
                # A pointer on one path, bytes on another: verification shows that nobody reads them as either,
                # except where only the paths with the pointer go on; those read it whole.
                whole = [
                    m.read(position - h.index, h.size) if h is not None and _is_whole(m, position, h) else None
                    for m, h in zip(memories, cells, strict=True)
                ]
                sizes = [h for h in cells if h is not None and not isinstance(h.value, Node)]
                value = merger.values(whole)
                if value is not None:
                    result._cells[position] = Cell(value, sizes[0].index, sizes[0].size)
                continue
            node = merger.nodes([m.byte(position) for m in memories])
            result._cells[position] = Cell(node, 0, 1)
        return result


def _is_whole(memory: Memory, position: int, cell: Cell) -> bool:
    start = position - cell.index
    return all(
        (x := memory._cells.get(start + i)) is not None and x.value is cell.value and x.index == i
        for i in range(cell.size)
    )
