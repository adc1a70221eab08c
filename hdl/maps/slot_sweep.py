"""Which slots of a hash map hold keys, and a hand that goes round over them: to the next one it takes a few cycles."""

from __future__ import annotations

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from ..verilog_memory import NO_COLLISIONS
from .hash_compare import one_hot
from .hash_records import Records
from .table import Table

WORD = 64
"""Slots that are looked at together."""


class SlotSweep(wiring.Component):
    """A bit for each slot, in words, and a bit for each word that is not empty.

    ``change`` In: from the coming edge on ``slot`` holds a key (``present``) or none; not in cycles behind each other.
    ``go`` In: held until ``looks``, while some slot holds a key; ``found`` with ``key`` at most `LONGEST` cycles later,
    until ``taken``. The next search goes on behind that slot. ``address`` Out fetches a slot while it ``looks``;
    ``place`` In answers one cycle later.
    """

    LONGEST = 9

    def __init__(self, table: Table, records: Records) -> None:
        self._slots = table.slots
        super().__init__(
            {
                "change": In(1),
                "slot": In(records.slot),
                "present": In(1),
                "go": In(1),
                "looks": Out(1),
                "address": Out(records.slot),
                "place": In(records.place_layout),
                "found": Out(1),
                "key": Out(table.key_bits),
                "taken": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = min(WORD, self._slots // 2)
        words, bits = self._slots // width, (width - 1).bit_length()
        filled = Signal(words, reset_less=True)  # the memories survive a reset, too
        m.submodules.words = memory = Memory(shape=width, depth=words, init=[], attrs=NO_COLLISIONS)
        store, fetch = memory.write_port(), memory.read_port()

        changing, slot, present = Signal(), Signal.like(self.slot), Signal()
        bit, word = Signal(width), Signal(width)
        m.d.sync += [changing.eq(self.change), slot.eq(self.slot), present.eq(self.present)]
        m.d.comb += [
            bit.eq(1 << slot[:bits]),
            word.eq(Mux(present, fetch.data | bit, fetch.data & ~bit)),
            store.addr.eq(slot[bits:]),
            store.data.eq(word),
            store.en.eq(changing),
        ]
        with m.If(changing):
            m.d.sync += filled.bit_select(slot[bits:], 1).eq(word.any())

        hand = Signal.like(self.slot)  # the next slot to look at
        ahead, later = Signal(width), Signal(words)
        m.d.comb += [
            fetch.addr.eq(Mux(self.change, self.slot[bits:], hand[bits:])),
            self.address.eq(hand),
        ]
        with m.FSM():
            with m.State("IDLE"), m.If(self.go & ~self.change & ~changing):
                m.next = "LOOK"
            with m.State("READ"):
                m.d.comb += self.looks.eq(1)
                m.next = "LOOK"
            with m.State("LOOK"):
                m.d.comb += self.looks.eq(1)
                m.d.sync += [
                    ahead.eq(fetch.data & (Const((1 << width) - 1, width) << hand[:bits])[:width]),
                    later.eq(filled & (Const((1 << words) - 2, words) << hand[bits:])[:words]),
                ]
                m.next = "CHOOSE"
            with m.State("CHOOSE"):
                m.d.comb += self.looks.eq(1)
                with m.If(ahead.any()):
                    m.d.sync += hand[:bits].eq(_first(ahead))
                    m.next = "FETCH"
                with m.Else():
                    m.d.sync += hand.eq(Cat(Const(0, bits), Mux(later.any(), _first(later), _first(filled))))
                    m.next = "READ"
            with m.State("FETCH"):
                m.d.comb += self.looks.eq(1)
                m.next = "TAKE"
            with m.State("TAKE"):
                m.d.comb += self.looks.eq(1)
                m.d.sync += [self.key.eq(self.place.key), hand.eq(hand + 1)]
                m.next = "FOUND"
            with m.State("FOUND"):
                m.d.comb += self.found.eq(1)
                with m.If(self.taken):
                    m.next = "IDLE"
        return m


def _first(bits: Value) -> Value:
    """The number of the lowest bit that is set."""
    number = max(1, (len(bits) - 1).bit_length())
    return one_hot(bits & -bits, [Const(i, number) for i in range(len(bits))])
