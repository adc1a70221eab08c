"""What the two kinds of hardware of LPM tries have in common: updates and deletes, by the host and by programs.

The host's operations are walks (`LpmWalker`, `LpmScanner`) while the pipeline lets them (`MapUnit.host_grant`), so
frames see each either whole or not at all.

A program's updates and deletes walk in the same way, while their frame stands in offset 1 and stalls all behind it. No
older frame is in any stage in which it would still touch the map by then, and no younger one has begun to: ``change``
sites have no tag and write all there is, so the interlock has kept them apart from all others. That costs frames the
time of a lookup each where a program does not know before its lookup whether it will change the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib.wiring import In, Out

from .base import DELETE, MapShape, SiteKind
from .row_memory import RowMover, serve_sites
from .rows import ValueRows
from .trie import LENGTH_BYTES, Trie
from .unit import HostOp, MapUnit


def walker_ports(trie: Trie) -> dict[str, Any]:
    """What `LpmBaseUnit` asks of a walker. ``start`` is held until ``done`` (one cycle); ``op`` (`HostOp`), ``key``,
    ``mode`` (BPF_ANY ...), ``index`` (of ENTRY) with it.

    ``status`` (32 bits, 0 or a negative errno) and ``slot`` (number of the entry) are valid with ``done`` and until the
    next ``start``, as is ``entry_key`` of an ENTRY. Values are not the walker's business.
    """
    key = 8 * LENGTH_BYTES + trie.bits
    return {
        "start": In(1),
        "op": In(2),
        "key": In(key),
        "mode": In(2),
        "index": In(32),
        "done": Out(1),
        "status": Out(32),
        "slot": Out(trie.pointer_bits),
        "entry_key": Out(key),
    }


class LpmBaseUnit(MapUnit):
    """Sites are ``lookup``, ``change``, ``read`` and ``write``; subclasses serve the lookups. ``walk``: cycles of the
    longest walk."""

    def __init__(
        self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, trie: Trie, walk: int
    ) -> None:
        self.rows = rows
        self.trie = trie
        self.host_hold = walk + rows.rows + 8
        self.lookups = [number for number, kind in enumerate(kinds) if kind.name == "lookup"]
        self.changes = [number for number, kind in enumerate(kinds) if kind.name == "change"]
        self.site_hold = self.host_hold if self.changes else 0
        self.frame_hold = len(self.changes) * self.host_hold
        super().__init__(shape, kinds)

    @property
    def held_bits(self) -> int:
        """Bits of the operands of changes, which wait in registers."""
        return 8 * len(self.changes) * (self.shape.key_size + self.shape.value_size)

    def serve(self, m: Module, walker: Any) -> RowMover:
        """Let ``walker`` serve the host and the ``change`` sites, and build the value memory; what moves the values."""
        own = serve_sites(m, self, self.rows, [])
        m.submodules.mover = mover = RowMover(self.rows)
        mover.serve(m, self.host, own)
        m.d.comb += [mover.base.eq(walker.slot << self.rows.row_index_bits), mover.hold.eq(own.taken)]
        self._host(m, walker, mover)
        for number in self.changes:
            self._change(m, number, walker, mover)
        return mover

    def _change(self, m: Module, number: int, walker: Any, mover: RowMover) -> None:
        """Site ``number``; the walker is free, since it is the only frame in the map."""
        site = self.sites[number]
        key, value, mode = (
            self.carry(m, number, 0, getattr(site.operands, name), name) for name in ("key", "value", "mode")
        )
        pending = Signal(name=f"pending_{number}")
        error = Signal.like(site.results.error, name=f"error_{number}")
        with m.If(site.enable[0]):
            m.d.sync += pending.eq(site.valid[0])
        m.d.comb += [
            site.stall.eq(pending << 1),
            site.results.error.eq(self.carry(m, number, 1, error)),
        ]
        with m.If(pending):
            m.d.comb += [
                walker.op.eq(Mux(mode == DELETE, HostOp.DELETE, HostOp.UPDATE)),
                walker.key.eq(key),
                walker.mode.eq(mode),
                mover.write.eq(1),
                mover.value.eq(value),
            ]
            with m.FSM(name=f"change_{number}"):
                with m.State("WALK"):
                    m.d.comb += walker.start.eq(1)
                    with m.If(walker.done):
                        m.d.sync += [error.eq(walker.status), pending.eq(0)]
                        with m.If((walker.status == 0) & (mode != DELETE)):
                            m.d.sync += pending.eq(1)
                            m.next = "MOVE"
                with m.State("MOVE"):
                    m.d.comb += mover.start.eq(1)
                    with m.If(mover.done):
                        m.d.sync += pending.eq(0)
                        m.next = "WALK"

    def _host(self, m: Module, walker: Any, mover: RowMover) -> None:
        host = self.host
        m.d.comb += [
            walker.op.eq(host.op),
            walker.key.eq(host.key),
            walker.mode.eq(host.flags),
            walker.index.eq(host.index),
            host.result_key.eq(walker.entry_key),
        ]
        with m.FSM():
            self.host_begin(m, self.shape.max_entries, "WAIT")
            with m.State("WAIT"):
                m.d.comb += self.host_request.eq(1)
                with m.If(self.host_grant):
                    m.next = "WALK"
            with m.State("WALK"):
                m.d.comb += [self.host_request.eq(1), walker.start.eq(1)]
                with m.If(walker.done):
                    m.d.sync += host.status.eq(walker.status)
                    m.next = "DONE"
                    with m.If((walker.status == 0) & (host.op != HostOp.DELETE)):
                        m.next = "MOVE"
            with m.State("MOVE"):
                m.d.comb += [self.host_request.eq(1), mover.start.eq(1)]
                with m.If(mover.done):
                    m.next = "DONE"
            self.host_end(m)
