"""The geometry of an LPM trie in hardware: how prefixes lie in nodes, level by level.

A node takes `STRIDE` bits of the key. Its *cells* are the nodes of a binary tree of that height in heap order: cell
``2**k - 1 + v`` stands for the prefix that goes on with the ``k`` bits ``v`` (the first of them highest). Cells with
``k < STRIDE`` hold prefixes that end inside; those with ``k == STRIDE`` lead to a node of the next level, or hold the
prefixes of full length on the last one. A cell says whether something is there, and the number of a node or entry.

Nodes are there only for prefixes that need them, so each level has at most as many as there are entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from amaranth.hdl import Cat, Const, Value
from amaranth.lib import data

from .base import MapShape

STRIDE = 2
"""Bits of the key in one level: 2 takes half the stages of 1 for a sixth more memory; 4 would take twice the memory."""

CELLS = (1 << STRIDE + 1) - 1
LENGTH_BYTES = 4
"""struct bpf_lpm_trie_key begins with the length of the prefix, then come its bits."""


@dataclass(frozen=True, slots=True)
class Trie:
    """A trie for prefixes of up to ``bits`` bits (whole bytes), ``entries`` of them at most."""

    bits: int
    entries: int

    @staticmethod
    def of(shape: MapShape) -> Trie:
        """The trie of a map."""
        return Trie.sized(shape.key_size, shape.max_entries)

    @staticmethod
    def sized(key_size: int, entries: int) -> Trie:
        """The trie for keys of ``key_size`` bytes, the length included."""
        return Trie(8 * (key_size - LENGTH_BYTES), entries)

    @property
    def levels(self) -> int:
        """Levels of nodes."""
        return self.bits // STRIDE

    @property
    def length_bits(self) -> int:
        """Bits of a prefix length, which is 0 to ``bits``."""
        return self.bits.bit_length()

    @property
    def pointer_bits(self) -> int:
        """Bits of the number of an entry, or of a node in its level."""
        return max(1, (self.entries - 1).bit_length())

    @property
    def reference(self) -> data.StructLayout:
        """Layout of whether there is an entry, and its number."""
        return data.StructLayout({"found": 1, "slot": self.pointer_bits})

    @property
    def node(self) -> data.ArrayLayout:
        """Layout of a node."""
        return data.ArrayLayout(data.StructLayout({"there": 1, "to": self.pointer_bits}), CELLS)

    def nodes(self, level: int) -> int:
        """Places for nodes in a level; two at least, because a memory needs an address."""
        return max(2, min(1 << STRIDE * level, self.entries))

    @property
    def memory_bits(self) -> int:
        """Bits of all levels, and of the keys of the entries."""
        node = CELLS * (1 + self.pointer_bits)
        key = 1 + 8 * LENGTH_BYTES + self.bits
        return sum(self.nodes(level) for level in range(self.levels)) * node + self.entries * key

    def path(self, key: Value) -> Value:
        """The bits behind the length of a key (as its bytes lie in memory), the first bit of the prefix lowest."""
        return Cat(key[8 * (p // 8) + 7 - p % 8] for p in range(self.bits))


def cells_on(path: Value) -> Sequence[Value]:
    """Numbers of the cells of a node for k = 0 .. STRIDE, when these are the next bits of the path (first lowest)."""
    return [Const(0), *((1 << k) - 1 + Cat(reversed(path[:k])) for k in range(1, STRIDE + 1))]
