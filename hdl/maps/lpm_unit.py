"""The hardware of LPM tries: a memory for each level, through which lookups go a level a stage.

So a lookup begins every cycle, whatever the traffic and whatever the prefixes. On its way it keeps the longest prefix
so far that is not longer than the key's own. All else walks through the levels one after the other (`lpm_base_unit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.memory import Memory

from ..area import Area
from ..verilog_memory import NO_COLLISIONS
from .base import MapShape, SiteKind
from .lpm_base_unit import LpmBaseUnit
from .lpm_walker import LpmWalker
from .rows import ValueRows
from .trie import STRIDE, Trie, cells_on


class LpmUnit(LpmBaseUnit):
    """Each ``lookup`` site has a read port in every level; the walker uses that of the first one while no frame
    does."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, trie: Trie) -> None:
        # The longest walk, a delete, goes down all levels, and once more to free the nodes.
        super().__init__(shape, kinds, rows, trie, 4 * trie.levels)

    def logic(self) -> Area:
        """A level's part of the lookup, and its way to the walker; the operands of changes."""
        levels, held = self.trie.levels, self.held_bits
        return Area(lut4=220 * levels + held, flip_flops=50 * levels * len(self.lookups) + held)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = walker = LpmWalker(self.trie)
        ports = self._levels(m, walker, max(1, len(self.lookups)))
        for number, its_ports in zip(self.lookups, ports, strict=False):
            self._look_up(m, number, its_ports)
        with m.If(walker.start):  # no frame is behind its first level then, and none goes there
            m.d.comb += [port.addr.eq(walker.address) for port in ports[0]]
            m.d.comb += [port.en.eq(1) for port in ports[0]]
        with m.Switch(walker.level):
            for level, port in enumerate(ports[0]):
                with m.Case(level):
                    m.d.comb += walker.word.eq(port.data)
        self.serve(m, walker)
        return m

    def _levels(self, m: Module, walker: LpmWalker, readers: int) -> list[list[Any]]:
        """The memories; for each reader its read ports, by level."""
        trie = self.trie
        columns = []
        for level in range(trie.levels):
            memory = Memory(shape=trie.node, depth=trie.nodes(level), init=[], attrs=NO_COLLISIONS)
            m.submodules[f"level_{level}"] = memory
            port = memory.write_port(granularity=1)
            m.d.comb += [
                port.addr.eq(walker.address),
                port.data.eq(walker.row),
                port.en.eq(walker.store & (walker.level == level).replicate(len(walker.store))),
            ]
            columns.append([memory.read_port() for _ in range(readers)])
        return [list(row) for row in zip(*columns, strict=True)]

    def _look_up(self, m: Module, number: int, ports: Sequence[Any]) -> None:
        """Site ``number``: level l is read at the end of offset l and looked at in offset l + 1."""
        trie, site = self.trie, self.sites[number]
        path = trie.path(site.operands.data)
        length = getattr(site.operands, "length", Const(trie.bits))
        going, found, slot, node = Const(1), Const(0), Const(0, trie.pointer_bits), Const(0, trie.pointer_bits)
        for level, port in enumerate(ports):
            m.d.comb += [port.addr.eq(node), port.en.eq(site.enable[level])]
            here = Cat(path, length, going, found, slot)
            carried = self.carry(m, number, level, here)
            parts = []
            for part in (path, length, going, found, slot):
                parts.append(carried[: len(part)])
                carried = carried[len(part) :]
            path, length, going, found, slot = parts
            word = Signal(trie.node, name=f"word_{number}_{level}")
            m.d.comb += word.eq(port.data)
            last = level == trie.levels - 1
            on_path = cells_on(path)
            for k, index in enumerate(on_path if last else on_path[:-1]):
                cell = word[index]
                match = Signal(name=f"match_{number}_{level}_{k}")
                m.d.comb += match.eq(going & cell.there & (length >= STRIDE * level + k))
                found, slot = found | match, Mux(match, cell.to, slot)
            child = word[on_path[-1]]
            going, node, path = going & child.there, child.to, path[STRIDE:]
        result = self.carry(m, number, trie.levels, Cat(found, slot))
        m.d.comb += [
            site.results.found.eq(result[0]),
            site.results.address.eq(result[1:] << self.rows.row_index_bits),
        ]
