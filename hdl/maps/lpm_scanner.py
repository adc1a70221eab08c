"""Operations on an LPM trie whose entries lie one after the other: each compares all of them, one a cycle.

What has never been used lies behind all that has, so a scan ends there. It only decides what changes: the change itself
is made at one edge, when the unit says so, together with what the unit changes. So a reset finds all of it or nothing.
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
from .trie import LENGTH_BYTES, Trie
from .unit import HostOp

CHUNK = 32
"""Bits that are compared on their own, before it is looked at how many of them count."""

BEHIND = 7
"""Cycles of an operation beside one for each entry, at most, and one before it to give the scanner its turn."""


class LpmScanner(wiring.Component):
    """Ports: `walker_ports`, and with ``done`` and until the next ``start``: ``adds`` Out: a good UPDATE makes a
    new entry; ``around`` Out: the longest of the prefixes around the key's that are shorter. An operation takes as many
    cycles as slots were ever used, and a few more (`BEHIND`).

    ``commit`` In: what the last UPDATE or DELETE decided takes place at this edge, if it was to change anything and has
    not taken place yet. ``op``, ``key`` and ``commit`` are the unit's until then.
    """

    def __init__(self, trie: Trie) -> None:
        self._trie = trie
        super().__init__({**walker_ports(trie), "commit": In(1), "adds": Out(1), "around": Out(trie.reference)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        trie, bits = self._trie, self._trie.pointer_bits
        entry = data.StructLayout({"there": 1, "length": trie.length_bits, "data": trie.bits})
        m.submodules.entries = memory = Memory(shape=entry, depth=trie.entries, init=[], attrs=NO_COLLISIONS)
        store, fetch = memory.write_port(), memory.read_port()
        # The memory survives a reset, and so does what says how much of it is in use.
        used, entries = (Signal(range(trie.entries + 1), name=name, reset_less=True) for name in ("used", "entries"))

        length, prefix = self.key[: 8 * LENGTH_BYTES], self.key[8 * LENGTH_BYTES :]
        place = Signal(range(trie.entries + 1))  # what is fetched
        looked, compared = Signal(bits), Signal(bits)  # what comes out of the memory, and what was compared
        looking, comparing = Signal(), Signal()
        around: Any = self.around
        around_length = Signal(trie.length_bits)
        same, free = (Signal(trie.reference, name=name) for name in ("same", "free"))
        changes = Signal()  # decided, and not yet made
        there, its_length = Signal(), Signal(trie.length_bits)
        matches = self._compare(m, fetch.data.data, prefix, fetch.data.length)
        m.d.sync += [
            looked.eq(place),
            compared.eq(looked),
            comparing.eq(looking),
            there.eq(fetch.data.there),
            its_length.eq(fetch.data.length),
        ]
        with m.If(comparing):
            with m.If(~there):
                m.d.sync += [free.found.eq(1), free.slot.eq(compared)]
            with m.Elif(matches):
                with m.If((its_length < length) & (~around.found | (its_length > around_length))):
                    m.d.sync += [around.found.eq(1), around.slot.eq(compared), around_length.eq(its_length)]
                with m.If(its_length == length):
                    m.d.sync += [same.found.eq(1), same.slot.eq(compared)]
        m.d.comb += [
            fetch.addr.eq(place),
            store.addr.eq(self.slot),
            store.data.eq(Cat(self.op != HostOp.DELETE, length[: trie.length_bits], prefix)),
            store.en.eq(self.commit & changes),
        ]
        with m.If(self.commit & changes):
            m.d.sync += changes.eq(0)
            with m.If(self.op == HostOp.DELETE):
                m.d.sync += entries.eq(entries - 1)
            with m.Elif(self.adds):
                m.d.sync += [entries.eq(entries + 1), used.eq(used + ~free.found)]

        def end(status: Any) -> None:
            m.d.sync += self.status.eq(status)
            m.next = "DONE"

        def change(slot: Value) -> None:
            m.d.sync += [self.slot.eq(slot), changes.eq(1)]
            end(0)

        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                # What is not found has no slot: one that is alike, wherever it is not found.
                m.d.sync += [place.eq(0), changes.eq(0), self.adds.eq(0)]
                m.d.sync += [each.eq(0) for each in (around, same, free)]
                m.next = "SCAN"
                with m.If(self.op == HostOp.ENTRY):
                    m.d.comb += fetch.addr.eq(self.index)
                    m.next = "ENTRY"
                with m.Elif(length > trie.bits):
                    end(Mux(self.op == HostOp.LOOKUP, -ENOENT, -EINVAL))
            with m.State("ENTRY"):
                row = fetch.data
                shown = Cat(row.length, Const(0, 8 * LENGTH_BYTES - trie.length_bits), row.data)
                m.d.sync += [self.slot.eq(self.index), self.entry_key.eq(shown)]
                end(Mux(row.there, 0, -ENOENT))
            with m.State("SCAN"):
                with m.If(place == used):
                    m.next = "COMPARE"
                with m.Else():
                    m.d.sync += [place.eq(place + 1), looking.eq(1)]
            with m.State("COMPARE"), m.If(~looking & ~comparing):
                m.next = "DECIDE"
            with m.State("DECIDE"), m.Switch(self.op):
                with m.Case(HostOp.LOOKUP):
                    m.d.sync += self.slot.eq(Mux(same.found, same.slot, around.slot))
                    end(Mux(same.found | around.found, 0, -ENOENT))
                with m.Case(HostOp.DELETE):
                    with m.If(same.found):
                        change(same.slot)
                    with m.Else():
                        end(-ENOENT)
                with m.Case(HostOp.UPDATE):
                    with m.If(same.found & (self.mode == BPF_NOEXIST)):
                        end(-EEXIST)
                    with m.Elif(same.found):
                        change(same.slot)
                    with m.Elif(self.mode == BPF_EXIST):
                        end(-ENOENT)
                    with m.Elif(entries == trie.entries):
                        end(-ENOSPC)
                    with m.Else():
                        m.d.sync += self.adds.eq(1)
                        change(Mux(free.found, free.slot, used))
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        with m.If(place == used):
            m.d.sync += looking.eq(0)
        return m

    def _compare(self, m: Module, one: Value, other: Value, length: Value) -> Value:
        """Whether the first ``length`` bits of two prefixes are the same; one cycle later."""
        trie = self._trie
        differ = Signal(trie.bits)
        m.d.comb += differ.eq(trie.path(one) ^ trie.path(other))
        chunks = [differ[low : low + CHUNK] for low in range(0, trie.bits, CHUNK)]
        whole, rest = length >> CHUNK.bit_length() - 1, length[: CHUNK.bit_length() - 1]
        differing = Signal(len(chunks))  # chunks of which all bits count
        tail, counting = Signal(CHUNK), Signal(CHUNK)  # the one of which some do
        m.d.sync += [
            differing.eq(Cat((whole > number) & chunk.any() for number, chunk in enumerate(chunks))),
            tail.eq(Array([*chunks, Const(0, CHUNK)])[whole]),
            counting.eq((1 << rest) - 1),
        ]
        return ~differing.any() & ~(tail & counting).any()
