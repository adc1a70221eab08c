"""The hardware of LPM tries: a memory for each level, through which lookups go a level a stage.

So a lookup begins every cycle, whatever the traffic and whatever the prefixes. On its way it keeps the longest prefix
so far that is not longer than the key's own. The host's operations walk through the levels one after the other
(`LpmWalker`) while the pipeline lets them (`MapUnit.host_grant`), so frames see each either whole or not at all.

A program's updates and deletes walk in the same way, while their frame stands in offset 1 and stalls all behind it. No
older frame is in any stage in which it would still touch the map by then, and no younger one has begun to: ``change``
sites have no tag and write all there is, so the interlock has kept them apart from all others. That costs frames the
time of a lookup each where a program does not know before its lookup whether it will change the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib.memory import Memory

from ..area import Area
from ..verilog_memory import NO_COLLISIONS
from .base import MapShape, SiteKind
from .hash_records import DELETE
from .linux import BPF_EXIST, E2BIG, EINVAL
from .lpm_walker import LpmWalker
from .row_memory import RowMover, serve_sites
from .rows import ValueRows
from .trie import STRIDE, Trie, cells_on
from .unit import HostOp, MapUnit


class LpmUnit(MapUnit):
    """Sites are ``lookup``, ``change``, ``read`` and ``write``.

    Each ``lookup`` site has a read port in every level; the walker uses that of the first one while no frame does.
    """

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows, trie: Trie) -> None:
        self._rows = rows
        self._trie = trie
        self.host_hold = 4 * trie.levels + rows.rows + 8  # a delete: down all levels, and once more to free the nodes
        changes = sum(kind.name == "change" for kind in kinds)
        self.site_hold = self.host_hold if changes else 0
        self.frame_hold = changes * self.host_hold
        super().__init__(shape, kinds)

    def logic(self) -> Area:
        """A level's part of the lookup, and its way to the walker; the operands of changes, which wait there."""
        lookups, changes = (sum(kind.name == name for kind in self.kinds) for name in ("lookup", "change"))
        held = changes * 8 * (self.shape.key_size + self.shape.value_size)
        levels = self._trie.levels
        return Area(lut4=220 * levels + held, flip_flops=50 * levels * lookups + held)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = walker = LpmWalker(self._trie)
        lookups = [number for number, kind in enumerate(self.kinds) if kind.name == "lookup"]
        ports = self._levels(m, walker, max(1, len(lookups)))
        for number, its_ports in zip(lookups, ports, strict=False):
            self._look_up(m, number, its_ports)
        with m.If(walker.start):  # no frame is behind its first level then, and none goes there
            m.d.comb += [port.addr.eq(walker.address) for port in ports[0]]
            m.d.comb += [port.en.eq(1) for port in ports[0]]
        with m.Switch(walker.level):
            for level, port in enumerate(ports[0]):
                with m.Case(level):
                    m.d.comb += walker.word.eq(port.data)
        own = serve_sites(m, self, self._rows, [])
        m.submodules.mover = mover = RowMover(self._rows)
        mover.serve(m, self.host, own)
        m.d.comb += [mover.base.eq(walker.slot << self._rows.row_index_bits), mover.hold.eq(own.taken)]
        self._host(m, walker, mover)
        for number, kind in enumerate(self.kinds):
            if kind.name == "change":
                self._change(m, number, walker, mover)
        return m

    def _levels(self, m: Module, walker: LpmWalker, readers: int) -> list[list[Any]]:
        """The memories; for each reader its read ports, by level."""
        trie = self._trie
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
        trie, site = self._trie, self.sites[number]
        path, length = trie.path(site.operands.data), site.operands.length
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
            site.results.address.eq(result[1:] << self._rows.row_index_bits),
        ]

    def _change(self, m: Module, number: int, walker: LpmWalker, mover: RowMover) -> None:
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

    def _host(self, m: Module, walker: LpmWalker, mover: RowMover) -> None:
        host = self.host
        m.d.comb += [
            walker.op.eq(host.op),
            walker.key.eq(host.key),
            walker.mode.eq(host.flags),
            walker.index.eq(host.index),
            host.result_key.eq(walker.entry_key),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(host.request):
                m.next = "WAIT"
                with m.If((host.op == HostOp.UPDATE) & (host.flags > BPF_EXIST)):
                    m.d.sync += host.status.eq(-EINVAL)
                    m.next = "DONE"
                with m.Elif((host.op == HostOp.ENTRY) & (host.index >= self.shape.max_entries)):
                    m.d.sync += host.status.eq(-E2BIG)
                    m.next = "DONE"
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
            with m.State("DONE"):
                m.d.comb += host.done.eq(1)
                m.next = "IDLE"
        return m
