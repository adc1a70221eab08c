"""Objects of early GNU assemblers (binutils before 2.41), which write addends in their own way.

They put the symbol's value into the instruction as well, and count call targets in bytes: for a function 0x78
bytes into its section ``call 0x77`` with a relocation against it, where LLVM has ``call -1``. Nothing in the file
says so; but only one of the two readings makes sense of all relocations.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from ..isa import CALL, SLOT_BYTES
from .file import ElfFile, Symbol
from .functions import FunctionTable


def has_gnu_addends(elf: ElfFile, functions: FunctionTable) -> bool:
    """Whether the relocations of the code have to be read the early GNU way."""
    comment = elf.section(".comment")
    if comment is None or b"GCC: (" not in comment.data:
        return False
    found = list(_references(elf))
    return all(r.fits_gnu(elf, functions) for r in found) and any(r.tells_apart(elf, functions) for r in found)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A relocated instruction: the symbol, its section, the immediate, and whether it is a call."""

    symbol: Symbol
    section: int
    imm: int
    call: bool

    def fits_gnu(self, elf: ElfFile, functions: FunctionTable) -> bool:
        if self.call:
            return functions.at(self.section, self.imm + 1) is not None
        return self.symbol.value <= self.imm < elf.sections[self.section].size

    def fits_llvm(self, elf: ElfFile, functions: FunctionTable) -> bool:
        if self.call:
            start = self.symbol.value + (self.imm + 1) * SLOT_BYTES
            return functions.at(self.section, start) is not None
        return 0 <= self.symbol.value + self.imm < elf.sections[self.section].size

    def tells_apart(self, elf: ElfFile, functions: FunctionTable) -> bool:
        return self.symbol.value != 0 or not self.fits_llvm(elf, functions)


def _references(elf: ElfFile) -> Iterator[_Reference]:
    for index, relocations in elf.relocations.items():
        section = elf.sections[index]
        if not section.executable:
            continue
        for relocation in relocations:
            target = relocation.symbol.section
            if target is not None and 0 <= relocation.position <= len(section.data) - SLOT_BYTES:
                opcode, imm = struct.unpack_from("<B3xi", section.data, relocation.position)
                yield _Reference(relocation.symbol, target, imm, opcode == CALL)
