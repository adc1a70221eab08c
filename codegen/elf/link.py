"""Puts a program together: references become symbolic, called functions are appended, each once."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, TypeVar

from ...hdl.errors import InputError, Refused
from ..btf_ext import BtfExt, CoreRelocation
from ..disassemble import disassemble
from ..isa import CALL, SLOT_BYTES, Call, FunctionReference, Instruction, KernelReference, Load64, MapReference, decode
from ..spec import ProgramSpec, SourceLine
from . import core
from .file import Relocation
from .functions import Function
from .resolve import Broken, References

_MAX_SLOTS = 1_000_000  # what the kernel takes of one program
_MAX_DEPTH = 64  # the kernel takes 8 frames


def link(program: ProgramSpec, main: Function, references: References, ext: BtfExt | None) -> ProgramSpec:
    """``program`` with the instructions of ``main`` and of all functions that it calls.

    Raises `InputError` for what is broken, `Refused` for what only a running kernel could resolve.
    """
    return _Linker(program, references, ext).link(main)


@dataclass(frozen=True, slots=True)
class _Spot:
    """One instruction being linked."""

    function: Function
    position: int  # bytes in the section
    instruction: Instruction


class _Linker:
    """One program being put together."""

    def __init__(self, program: ProgramSpec, references: References, ext: BtfExt | None) -> None:
        self._program = program
        self._references = references
        self._elf = references.elf
        self._ext = ext
        self._order: list[Function] = []
        self._base: dict[tuple[int, int], int] = {}  # by Function.key
        self._code: dict[tuple[int, int], list[Instruction]] = {}
        self._slots = 0
        self._depth = 0

    def link(self, main: Function) -> ProgramSpec:
        self._append(main)
        instructions = (i for function in self._order for i in self._code[function.key])
        return replace(self._with_lines(), instructions=tuple(instructions))

    def _append(self, function: Function) -> int:
        """The first slot of a function in the program.

        If it is not there yet, it is appended, and then at once what it calls: libbpf's order, so that slots are
        those of the kernel's listings.
        """
        if function.key not in self._base:
            self._base[function.key] = self._slots
            self._order.append(function)
            self._slots += function.slots
            if self._slots > _MAX_SLOTS:
                raise self._elf.error(f"program {self._program.name} has more than {_MAX_SLOTS} instructions")
            if self._depth == _MAX_DEPTH:
                raise self._elf.error(f"program {self._program.name} nests calls more than {_MAX_DEPTH} deep")
            self._depth += 1
            self._code[function.key] = self._function(function)
            self._depth -= 1
        return self._base[function.key]

    def _slot(self, function: Function, position: int) -> int:
        return self._base[function.key] + (position - function.start) // SLOT_BYTES

    def _with_lines(self) -> ProgramSpec:
        """The program with names and source lines of the functions found so far."""
        lines: dict[int, SourceLine] = {}
        for function in self._order:
            entries = self._ext.lines.get(function.section.name, ()) if self._ext else ()
            lines |= {self._slot(function, e.position): e.line for e in _inside(entries, function)}
        return replace(self._program, functions={self._base[f.key]: f.name for f in self._order}, lines=lines)

    def _broken(self, function: Function, position: int, message: str) -> InputError:
        slot = (position - function.start) // SLOT_BYTES
        return self._elf.error(f"instruction {slot} of {function.name}: {message}", function.section, position)

    def _refused(self, spot: _Spot, refusal: Refused) -> Refused:
        slot = self._slot(spot.function, spot.position)
        place = self._with_lines().place(slot)
        return refusal.at(replace(place, instruction=disassemble(spot.instruction, slot)))

    def _function(self, function: Function) -> list[Instruction]:
        """The function's instructions with all references resolved."""
        start, section = function.start, function.section
        where = f"{self._elf.path}: section {section.name}, function {function.name}"
        instructions = list(decode(section.data[start : start + function.size], where))
        for fix in _inside(self._ext.relocations.get(section.name, ()), function) if self._ext else ():
            self._apply_core(function, instructions, fix)
        found = _inside(self._elf.relocations.get(section.index, ()), function)
        relocations = {relocation.position: relocation for relocation in found}
        for slot, instruction in enumerate(instructions):
            spot = _Spot(function, start + slot * SLOT_BYTES, instruction)
            self._check_jump(spot, slot)
            try:
                instructions[slot] = self._resolve(spot, relocations.pop(spot.position, None))
            except Broken as problem:
                raise self._broken(function, spot.position, str(problem)) from None
            except Refused as refusal:
                raise self._refused(spot, refusal) from None
        if relocations:
            raise self._broken(function, min(relocations), "a relocation that is not at an instruction's start")
        return instructions

    def _check_jump(self, spot: _Spot, slot: int) -> None:
        distance = spot.instruction.distance
        if distance is not None and not 0 <= slot + 1 + distance < spot.function.slots:
            raise self._broken(spot.function, spot.position, "a jump out of the function")

    def _apply_core(self, function: Function, instructions: list[Instruction], fix: CoreRelocation) -> None:
        slot, rest = divmod(fix.position - function.start, SLOT_BYTES)
        if rest or self._references.btf is None:
            raise self._broken(function, fix.position, "a CO-RE relocation that is not at an instruction's start")
        try:
            core.apply(self._references.btf, fix, instructions, slot)
        except core.Mismatch as problem:
            raise self._broken(function, fix.position, f"CO-RE relocation: {problem}") from None
        except Refused as refusal:
            raise self._refused(_Spot(function, fix.position, instructions[slot]), refusal) from None

    def _resolve(self, spot: _Spot, relocation: Relocation | None) -> Instruction:
        instruction = spot.instruction
        if instruction.is_load64:
            return self._load(instruction, relocation)
        if instruction.opcode == CALL:
            return self._call(spot, relocation)
        if relocation is not None:
            raise Broken("a relocation of something that is neither a 64-bit load nor a call")
        return instruction

    def _load(self, instruction: Instruction, relocation: Relocation | None) -> Instruction:
        """An LD_IMM64: a number, a map, an address in global data, or a function."""
        if relocation is None:
            if instruction.src != Load64.NUMBER:
                raise Broken("a reference to a map or function without a relocation")
            return instruction
        target = self._references.load(instruction, relocation)
        if isinstance(target, MapReference):
            src = Load64.MAP_FD if target.offset is None else Load64.MAP_VALUE
            return replace(instruction, src=src, imm=0, imm64=0, reference=target)
        reference = FunctionReference(self._append(target), target.name)
        return replace(instruction, src=Load64.FUNCTION, imm=0, imm64=0, reference=reference)

    def _call(self, spot: _Spot, relocation: Relocation | None) -> Instruction:
        """A call of a helper, of a kernel function or, with its distance in the program filled in, of a subprogram."""
        instruction, function = spot.instruction, spot.function
        if relocation is not None:
            target = self._references.call(instruction, relocation)
            if isinstance(target, KernelReference):
                return replace(instruction, src=Call.KERNEL, imm=0, reference=target)
        elif instruction.src == Call.LOCAL:
            following = spot.position + SLOT_BYTES
            target = self._references.function_at(function.section.index, following + instruction.imm * SLOT_BYTES)
        elif instruction.src == Call.KERNEL:
            raise Refused(
                f"the program calls the kernel function with BTF id {instruction.imm}",
                "there is no kernel in the hardware: use a helper instead",
            )
        else:
            return instruction
        distance = self._append(target) - self._slot(function, spot.position) - 1
        return replace(instruction, src=Call.LOCAL, imm=distance)


class _Positioned(Protocol):
    @property
    def position(self) -> int: ...


_P = TypeVar("_P", bound=_Positioned)


def _inside(entries: Sequence[_P], function: Function) -> Sequence[_P]:
    """Those of the entries, sorted by position, that lie in a function."""
    first = bisect.bisect_left(entries, function.start, key=lambda e: e.position)
    last = bisect.bisect_left(entries, function.start + function.size, key=lambda e: e.position)
    return entries[first:last]
