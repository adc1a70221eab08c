"""Registers behind a control bus: who has them says where they are, and what reading and writing them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib.wiring import In, Out

from .counter_bank import CounterBank
from .registers import Register, RegisterMap

BUS = {"address": In(16), "write": In(1), "wdata": In(32), "valid": In(1), "rdata": Out(32), "ready": Out(1)}
"""The ports of who answers: word addresses; a transfer happens in the cycle where ``valid`` and ``ready`` are high."""


class RegisterBus:
    """Address decoding for a component with the ports `BUS`. A transfer is taken into registers, memories are read at
    ``address``, then everything is selected, and ``ready`` shows in the cycle after."""

    def __init__(self, m: Module, control: Any, registers: RegisterMap) -> None:
        self._m = m
        self._map = registers
        self._singles: dict[int, Value] = {}
        self._blocks: list[tuple[Register, int, Value]] = []
        self._selected = Signal(32)
        self._strobe = Signal()
        self._hold = Signal()
        self._holds: list[Value] = []
        self._shared: list[tuple[list[int], Value]] = []
        self.address = Signal(16)
        self.wdata = Signal(32)
        self.is_write = Signal()
        self.fetching = Signal()
        """High until who holds the transfer lets it go on (`hold_while`, `read_slowly`)."""

        with m.FSM():
            with m.State("idle"), m.If(control.valid):
                m.d.sync += [
                    self.address.eq(control.address),
                    self.wdata.eq(control.wdata),
                    self.is_write.eq(control.write),
                ]
                m.next = "fetch"
            with m.State("fetch"):
                m.d.comb += self.fetching.eq(1)
                with m.If(~self._hold):
                    m.next = "select"
            with m.State("select"):
                m.d.comb += self._strobe.eq(1)
                m.d.sync += control.rdata.eq(self._selected)
                m.next = "done"
            with m.State("done"):
                m.d.comb += control.ready.eq(1)
                m.next = "idle"

    def written(self, name: str, word: int = 0) -> Value:
        """High for one cycle when the register's word is written."""
        return self._strobe & self.is_write & (self.address == self._map[name].address + word)

    def strobe(self, name: str) -> Value:
        """The bits written to a register, for one cycle."""
        return Mux(self.written(name), self.wdata, 0)

    def register(self, name: str, width: int) -> Signal:
        """A readable and writable register of whole words."""
        signal = Signal(width, name=name)
        for i in range(width // 32):
            with self._m.If(self.written(name, i)):
                self._m.d.sync += signal.word_select(i, 32).eq(self.wdata)
        self.read_words(name, signal)
        return signal

    def hold_while(self, busy: Value, waiting: Sequence[Register]) -> None:
        """Let transfers to some registers wait."""
        waits = ((self.address >= register.address) & (self.address < register.end) for register in waiting)
        self._holds.append(busy & Cat(*waits).any())

    def read(self, name: str, value: Value) -> None:
        self._singles[self._map[name].address] = value

    def read_words(self, name: str, value: Value) -> None:
        for i in range(-(-len(value) // 32)):
            self._singles[self._map[name].address + i] = value.word_select(i, 32)

    def read_longs(self, bank: CounterBank, places: Sequence[Sequence[tuple[str, int]]]) -> None:
        """The counts of a bank, each at elements of some registers (names and numbers)."""
        low, high = [], []
        with self._m.Switch(self.address):
            for i, names in enumerate(places):
                addresses = [self._map.address(name, element) for name, element in names]
                with self._m.Case(*addresses):
                    self._m.d.comb += [bank.index.eq(i), bank.ask.eq(self.fetching & ~self.is_write)]
                low += addresses
                high += [address + 1 for address in addresses]
        self._holds.append(bank.ask & ~bank.done)
        self._shared += [(low, bank.count[:32]), (high, bank.count[32:])]

    def read_block(self, name: str, value: Value, words: int) -> None:
        """``value``: from a memory read at ``address`` (its low bits: blocks begin at multiples of their size)."""
        self._blocks.append((self._map[name], words, value))

    def read_slowly(self, name: str, value: Value, words: int, done: Value) -> Value:
        """As `read_block`; ``done`` is high in the cycle before the value is there. Returns whether it is asked for."""
        register = self._map[name]
        here = (self.address >= register.address) & (self.address < register.address + words)
        asked = self.fetching & ~self.is_write & here
        self._holds.append(asked & ~done)
        self.read_block(name, value, words)
        return asked

    def finish(self) -> None:
        """Build the selection of what was registered for reading."""
        m = self._m
        m.d.comb += self._hold.eq(Cat(*self._holds).any())
        with m.Switch(self.address):
            for addresses, value in [*self._shared, *(([address], value) for address, value in self._singles.items())]:
                with m.Case(*addresses):
                    m.d.comb += self._selected.eq(value)
        for register, words, value in self._blocks:
            with m.If((self.address >= register.address) & (self.address < register.address + words)):
                m.d.comb += self._selected.eq(value)
