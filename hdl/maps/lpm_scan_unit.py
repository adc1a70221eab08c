"""The hardware of LPM tries with long keys: every operation compares all entries, one a cycle.

A level for every two bits would be hundreds of stages and memories (`lpm_unit`). Here an entry is a row of one memory,
and a lookup, too, is a walk, while its frame stands in offset 1. Lookups of two frames may be there at a time, at
different sites: they get the scanner one after the other, and nothing changes in between.
"""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal

from ..area import Area
from .base import MapShape, SiteKind
from .lpm_base_unit import LpmBaseUnit
from .lpm_scanner import BEHIND, LpmScanner
from .rows import ValueRows
from .trie import LENGTH_BYTES, Trie
from .unit import HostOp


class LpmScanUnit(LpmBaseUnit):
    """Frames are held for as long as each of their lookups takes, and those of another frame that has its turn."""

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, trie: Trie) -> None:
        look = trie.entries + BEHIND
        super().__init__(shape, kinds, rows, trie, look)
        self.site_hold = max(self.site_hold, len(self.lookups) * look)
        self.frame_hold += len(self.lookups) * look

    def logic(self) -> Area:
        """A comparison of a whole key, and which of sites and host has its turn."""
        key, sites = self.trie.bits, len(self.lookups) + len(self.changes)
        held = self.held_bits + len(self.lookups) * key
        return Area(lut4=300 + (3 + sites) * key, flip_flops=200 + key + held)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = walker = LpmScanner(self.trie)
        mover = self.serve(m, walker)
        # With the last row of a value, so that there is no entry without one whenever a reset comes.
        m.d.comb += walker.commit.eq(Mux(walker.op == HostOp.DELETE, walker.done, mover.done))
        if self.lookups:
            self._look_up(m, walker)
        return m

    def _look_up(self, m: Module, walker: LpmScanner) -> None:
        keys, waiting = [], []
        busy, turn = Signal(), Signal(range(max(2, len(self.lookups))))
        for order, number in enumerate(self.lookups):
            site = self.sites[number]
            length = site.operands.length
            keys.append(self.carry(m, number, 0, Cat(length, site.operands.data), "key"))
            pending = Signal(name=f"pending_{number}")
            found = Signal(name=f"found_{number}")
            slot = Signal(self.trie.pointer_bits, name=f"slot_{number}")
            with m.If(site.enable[0]):
                m.d.sync += pending.eq(site.valid[0])
            with m.If(busy & walker.done & (turn == order)):
                m.d.sync += [pending.eq(0), found.eq(walker.status == 0), slot.eq(walker.slot)]
            result = self.carry(m, number, 1, Cat(found, slot))
            m.d.comb += [
                site.stall.eq(pending << 1),
                site.results.found.eq(result[0]),
                site.results.address.eq(result[1:] << self.rows.row_index_bits),
            ]
            waiting.append(pending)
        with m.If(~busy):
            for order, pending in enumerate(waiting):
                with m.If(pending):
                    m.d.sync += [turn.eq(order), busy.eq(1)]
        with m.Else():
            key, bits = Signal.like(keys[0]), self.trie.length_bits
            m.d.comb += [
                key.eq(Array(keys)[turn]),
                walker.start.eq(1),
                walker.op.eq(HostOp.LOOKUP),
                walker.key.eq(Cat(key[:bits], Const(0, 8 * LENGTH_BYTES - bits), key[bits:])),
            ]
            with m.If(walker.done):
                m.d.sync += busy.eq(0)
