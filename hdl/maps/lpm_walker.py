"""Host operations on an LPM trie: one walk through its levels, two cycles a level; see `trie` for the nodes.

An insert makes the nodes that its prefix lacks. A delete cuts the trie where the prefix is the only one below, walks on
from there, and gives those nodes back. What is free in a level, and which entries are, is a list linked through the
free memory itself, and a number from which on nothing has ever been used.

So the host holds frames back for two cycles a level, four for a delete, and at most a dozen more beside the rows of the
value and the draining of the pipeline.
"""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..verilog_memory import NO_COLLISIONS
from .linux import BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOSPC
from .lpm_base_unit import walker_ports
from .trie import CELLS, LENGTH_BYTES, STRIDE, Trie, cells_on
from .unit import HostOp


class LpmWalker(wiring.Component):
    """Ports: `walker_ports`, and towards the levels: node ``address`` of level ``level``; ``word`` answers one cycle
    later; ``store`` says which cells ``row`` replaces."""

    def __init__(self, trie: Trie) -> None:
        self._trie = trie
        bits = trie.pointer_bits
        self._heap = data.StructLayout({"head": bits, "freed": bits + 1, "fresh": bits + 1})
        super().__init__(
            {
                **walker_ports(trie),
                "level": Out(range(trie.levels)),
                "address": Out(bits),
                "word": In(trie.node),
                "store": Out(CELLS),
                "row": Out(trie.node),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        trie, bits = self._trie, self._trie.pointer_bits

        # Entries: their keys, or, where free, the next free one.
        entry = data.StructLayout({"there": 1, "key": len(self.key)})
        m.submodules.keys = memory = Memory(shape=entry, depth=trie.entries, init=[], attrs=NO_COLLISIONS)
        key_store, key_fetch = memory.write_port(), memory.read_port()
        # What is free: one heap for each level, and the last one for entries. All zero: nothing was ever used.
        m.submodules.heaps = memory = Memory(shape=self._heap, depth=trie.levels + 1, init=[])
        heap_store, heap_fetch = memory.write_port(), memory.read_port()
        heap = heap_fetch.data
        entries = Signal(range(trie.entries + 1), reset_less=True)  # the memories survive a reset, too

        level, node = Signal(range(trie.levels)), Signal(bits)
        path, rest = Signal(trie.bits), Signal(trie.length_bits)  # what is left of the prefix
        building, fresh, recycled = Signal(), Signal(), Signal()  # the node is new, and was in use before
        taken = Signal(self._heap)  # the heap that the new node or entry comes from, without it
        cut_level, cut_node, cut_cells = Signal.like(level), Signal(bits), Signal(CELLS)
        below = Signal(bits)  # the node under the cut
        stop = Signal.like(level)

        last = level == trie.levels - 1
        here = last | (rest < STRIDE)
        on_path = cells_on(path)
        index = Signal(range(CELLS))
        m.d.comb += index.eq(Mux(here, Array(on_path)[rest[: STRIDE.bit_length()]], on_path[-1]))
        word = self.word
        cell, mine = word[index], Signal(CELLS)
        m.d.comb += [mine.eq(1 << index), self.level.eq(level), self.address.eq(node)]
        there = Cat(each.there for each in word)
        length = self.key[: 8 * LENGTH_BYTES]

        def end(status: Any) -> None:
            m.d.sync += self.status.eq(status)
            m.next = "DONE"

        def descend(to: Value) -> None:
            m.d.sync += [node.eq(to), level.eq(level + 1), path.eq(path >> STRIDE), rest.eq(rest - STRIDE)]
            m.next = "FETCH"

        def take() -> Value:
            """One of what ``heap`` has; the heap is written once it is known what comes after it there."""
            used = heap.freed != 0
            m.d.sync += [
                recycled.eq(used),
                taken.head.eq(heap.head),
                taken.freed.eq(heap.freed - used),
                taken.fresh.eq(heap.fresh + ~used),
            ]
            return Mux(used, heap.head, heap.fresh)

        def took(number: Value | int, following: Value) -> Any:
            head = Mux(recycled, following, taken.head)
            return [
                heap_store.addr.eq(number),
                heap_store.data.eq(Cat(head, taken.freed, taken.fresh)),
                heap_store.en.eq(1),
            ]

        def give(number: Value | int, free: Value) -> Any:
            return [
                heap_store.addr.eq(number),
                heap_store.data.eq(Cat(free, (heap.freed + 1)[: bits + 1], heap.fresh)),
                heap_store.en.eq(1),
            ]

        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [
                    path.eq(trie.path(self.key[8 * LENGTH_BYTES :])),
                    rest.eq(length),
                    level.eq(0),
                    node.eq(0),
                    building.eq(0),
                    fresh.eq(0),
                    self.status.eq(-ENOENT),  # of a lookup that finds nothing on its way
                ]
                m.d.comb += key_fetch.addr.eq(self.index)
                m.next = "FETCH"
                with m.If(self.op == HostOp.ENTRY):
                    m.next = "ENTRY"
                with m.Elif(length > trie.bits):
                    end(Mux(self.op == HostOp.LOOKUP, -ENOENT, -EINVAL))
            with m.State("ENTRY"):
                m.d.sync += [self.slot.eq(self.index), self.entry_key.eq(key_fetch.data.key)]
                end(Mux(key_fetch.data.there, 0, -ENOENT))
            with m.State("FETCH"):
                m.d.comb += heap_fetch.addr.eq(level + 1)
                m.next = "LOOK"
            with m.State("LOOK"), m.Switch(self.op):
                with m.Case(HostOp.LOOKUP):
                    for k, number in enumerate(on_path):
                        held = word[number]
                        with m.If(held.there & (rest >= k) & (last if k == STRIDE else 1)):
                            m.d.sync += [self.slot.eq(held.to), self.status.eq(0)]
                    descend(cell.to)
                    with m.If(here | ~cell.there):
                        m.next = "DONE"
                with m.Case(HostOp.DELETE):
                    with m.If(~cell.there):
                        end(-ENOENT)
                    with m.Else():
                        with m.If((level == 0) | (there & ~mine).any()):
                            m.d.sync += [cut_level.eq(level), cut_node.eq(node), cut_cells.eq(mine), below.eq(cell.to)]
                        descend(cell.to)
                        with m.If(here):
                            m.d.sync += [self.slot.eq(cell.to), stop.eq(level)]
                            m.next = "CUT"
                with m.Case(HostOp.UPDATE):
                    with m.If(building):
                        new = take()
                        target = Mux(here, self.slot, new)
                        m.d.comb += [
                            self.store.eq(Mux(fresh, (1 << CELLS) - 1, mine)),
                            *(each.eq(Mux(mine[i], Cat(Const(1, 1), target), 0)) for i, each in enumerate(self.row)),
                        ]
                        with m.If(fresh):
                            m.d.comb += took(level, word[0].to)
                        m.d.sync += fresh.eq(1)
                        descend(new)
                        with m.If(here):
                            m.next = "NAME"
                    with m.Elif(cell.there):
                        descend(cell.to)
                        with m.If(here):
                            m.d.sync += self.slot.eq(cell.to)
                            m.next = "NAME"
                            with m.If(self.mode == BPF_NOEXIST):
                                end(-EEXIST)
                    with m.Elif(self.mode == BPF_EXIST):
                        end(-ENOENT)
                    with m.Elif(entries == trie.entries):
                        end(-ENOSPC)
                    with m.Else():
                        m.d.comb += heap_fetch.addr.eq(trie.levels)
                        m.next = "FREE_SLOT"

            with m.State("FREE_SLOT"):
                slot = take()
                m.d.sync += self.slot.eq(slot)
                m.d.comb += key_fetch.addr.eq(slot)
                m.next = "TAKE_SLOT"
            with m.State("TAKE_SLOT"):
                m.d.comb += took(trie.levels, key_fetch.data.key[:bits])
                m.d.sync += [building.eq(1), entries.eq(entries + 1)]
                m.next = "FETCH"
            with m.State("NAME"):
                m.d.comb += [
                    key_store.addr.eq(self.slot),
                    key_store.data.eq(Cat(Const(1, 1), self.key)),
                    key_store.en.eq(1),
                ]
                end(0)

            with m.State("CUT"):
                m.d.comb += [self.level.eq(cut_level), self.address.eq(cut_node), self.store.eq(cut_cells)]
                m.d.sync += [level.eq(cut_level + 1), node.eq(below)]
                m.next = "FETCH_FREED"
                with m.If(cut_level == stop):
                    m.next = "FETCH_SLOTS"
            with m.State("FETCH_FREED"):
                m.d.comb += heap_fetch.addr.eq(level)
                m.next = "FREE_NODE"
            with m.State("FREE_NODE"):  # its only cell leads on
                following = [Mux(each.there, each.to, 0) for each in word]
                m.d.comb += [self.row[0].to.eq(heap.head), self.store.eq((1 << CELLS) - 1), *give(level, node)]
                m.d.sync += [node.eq(_any_of(following)), level.eq(level + 1)]
                m.next = "FETCH_FREED"
                with m.If(level == stop):
                    m.next = "FETCH_SLOTS"
            with m.State("FETCH_SLOTS"):
                m.d.comb += heap_fetch.addr.eq(trie.levels)
                m.next = "GIVE_SLOT"
            with m.State("GIVE_SLOT"):
                m.d.comb += [
                    key_store.addr.eq(self.slot),
                    key_store.data.eq(Cat(Const(0, 1), heap.head)),
                    key_store.en.eq(1),
                    *give(trie.levels, self.slot),
                ]
                m.d.sync += entries.eq(entries - 1)
                end(0)
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        return m


def _any_of(values: list[Value]) -> Value:
    """The one of them that is not zero."""
    result = values[0]
    for value in values[1:]:
        result = result | value
    return result
