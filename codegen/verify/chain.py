"""The programs of a chain: in which order they are explored, and how many tail calls came before.

A tail call puts another program in the place of the function that makes it. A program that several tail calls lead to
is explored once for all of them where that is possible: if no program can come back to itself, programs are in the
order of the graph of who can follow whom; otherwise they are apart by the number of tail calls before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ...hdl.helpers.base import HelperPlugin, Ret
from ..isa import Alu, Class, Instruction, MapReference, successors, writes
from ..spec import ProgramSpec
from .flow import components

U32 = (1 << 32) - 1

BEHIND = 1 << 40
"""Larger than any position in a function: what follows by a tail call comes behind all of it."""


@dataclass(slots=True)
class Count:
    """How many tail calls succeeded, at least and at most."""

    low: int = 0
    high: int = 0

    def include(self, other: Count, more: int = 0) -> None:
        """Paths with ``more`` tail calls than ``other`` come here as well."""
        self.low, self.high = min(self.low, other.low + more), max(self.high, other.high + more)


class Chain:
    """The members of a program and who can follow whom, as far as constants next to the calls tell."""

    def __init__(self, program: ProgramSpec, helpers: Mapping[int, HelperPlugin]) -> None:
        self._entries = {member.name: slot for slot, member in program.members.items()}
        self._tables = program.tables
        followers = {
            slot: tuple({t for map, low, high in _calls(member, helpers) for t in self._targets(map, low, high)})
            for slot, member in program.members.items()
        }
        order = components(list(followers), followers)
        self.circular = any(len(each) > 1 or each[0] in followers[each[0]] for each in order)
        self._rank = {slot: rank for rank, (slot, *_) in enumerate(order)}

    def targets(self, map: str, low: int, high: int) -> list[int]:
        """First slots of the programs that slots ``low`` to ``high`` of an array can hold."""
        table = self._tables.get(map)
        return [] if table is None else [self._entries[table.name(n)] for n in table.within(low, high)]

    def position(self, entry: int, before: Count) -> int:
        """Where a program comes in the order when it is called after ``before``; behind the one that calls it."""
        return before.high if self.circular else self._rank[entry]

    def _targets(self, map: str | None, low: int, high: int) -> list[int]:
        maps = self._tables if map is None else (map,)
        return [entry for each in maps for entry in self.targets(each, low, high)]


def _calls(program: ProgramSpec, helpers: Mapping[int, HelperPlugin]) -> Iterator[tuple[str | None, int, int]]:
    """The map, if it is clear, and the range of indexes of every tail call; constants are followed through straight
    code only."""
    code = program.instructions
    joins = {*program.functions}
    for slot, i in enumerate(code):
        joins.update(target for target in successors(i, slot) if target != slot + i.slots)
    maps: dict[int, str] = {}
    numbers: dict[int, int] = {}
    for slot, i in enumerate(code):
        if slot in joins:
            maps.clear()
            numbers.clear()
        if i.is_helper_call and i.imm in helpers and helpers[i.imm].ret is Ret.NEXT_PROGRAM:
            index = numbers.get(3)
            yield maps.get(2), *((0, U32) if index is None else (index, index))
        for register in writes(i):
            maps.pop(register, None)
            numbers.pop(register, None)
        if isinstance(i.reference, MapReference):
            maps[i.dst] = i.reference.map
        elif _is_constant(i):
            numbers[i.dst] = i.imm & U32


def _is_constant(i: Instruction) -> bool:
    return i.cls in (Class.ALU, Class.ALU64) and i.operation == Alu.MOV and not i.uses_register
