"""Where bits come from: wiring operators looked through.

``slice``, ``concat``, ``zext`` and ``sext`` make no new bits. Every value is a list of pieces of *roots*
(inputs, logic, site results) and constants, and only bits of roots are ever registered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ..graph.ir import Graph, Node
from ..schedule.plan import Schedule

WIRING = frozenset({"const", "slice", "concat", "zext", "sext"})
"""Operators that only name bits of other nodes."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Bits [low, low + width) of ``root``, ``repeat`` times; or the constant ``value`` when there is no root."""

    root: Node | None
    low: int
    width: int
    repeat: int = 1
    value: int = 0

    @property
    def total(self) -> int:
        """Width in bits with repetitions."""
        return self.width * self.repeat


def _cut(pieces: Iterable[Piece], low: int, width: int) -> list[Piece]:
    """Bits [low, low + width) of what the pieces make."""
    cut = []
    base = 0
    for piece in pieces:
        a, b = max(low - base, 0), min(low + width - base, piece.total)
        if a < b:
            if piece.repeat > 1:  # of one bit
                cut.append(replace(piece, repeat=b - a))
            else:
                value = piece.value >> a & ((1 << (b - a)) - 1)
                cut.append(Piece(piece.root, piece.low + a, b - a, value=value))
        base += piece.total
    return cut


def _join(pieces: Iterable[Piece]) -> tuple[Piece, ...]:
    """The same bits in as few pieces as possible."""
    joined: list[Piece] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last is not None and last.root is piece.root and last.repeat == piece.repeat == 1:
            if piece.root is None:
                value = last.value | piece.value << last.width
                joined[-1] = Piece(None, 0, last.width + piece.width, value=value)
                continue
            if last.low + last.width == piece.low:
                joined[-1] = Piece(piece.root, last.low, last.width + piece.width)
                continue
        joined.append(piece)
    return tuple(joined)


class Wires:
    """Pieces of every node of a graph, and when they exist."""

    def __init__(self, graph: Graph, schedule: Schedule) -> None:
        self._schedule = schedule
        self._pieces: dict[int, tuple[Piece, ...]] = {}
        self._available: dict[int, int] = {}
        for node in graph.nodes:
            self._pieces[node.id] = self._resolve(node)

    def pieces(self, node: Node) -> tuple[Piece, ...]:
        """What a node's value consists of, lowest bits first."""
        return self._pieces[node.id]

    def _resolve(self, node: Node) -> tuple[Piece, ...]:
        if node.op == "const":
            return (Piece(None, 0, node.width, value=node.attr),)
        if node.op not in WIRING:
            return (Piece(node, 0, node.width),)
        inner = [piece for arg in node.args for piece in self._pieces[arg.id]]
        if node.op == "slice":
            return _join(_cut(inner, node.attr, node.width))
        grown = node.width - sum(piece.total for piece in inner)
        if grown and node.op == "zext":
            inner.append(Piece(None, 0, grown))
        elif grown and node.op == "sext":
            (sign,) = _cut(inner, node.width - grown - 1, 1)
            filled = (1 << grown) - 1 if sign.value else 0
            inner.append(replace(sign, repeat=grown) if sign.root else Piece(None, 0, grown, value=filled))
        return _join(inner)

    def available(self, node: Node) -> int:
        """First stage in which all bits of a node are there."""
        found = self._available.get(node.id)
        if found is None:
            roots = (piece.root for piece in self.pieces(node) if piece.root)
            found = self._available[node.id] = max((self._schedule.ready(root) for root in roots), default=0)
        return found
