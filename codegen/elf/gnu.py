"""Objects of early GNU assemblers (binutils before 2.41), which write addends in their own way.

They put the symbol's value into the instruction as well: for a function 0x78 bytes into its section ``call 0x77``
with a relocation against the function, where LLVM has ``call -1``. Relocations against a section are as LLVM's.
Nothing in the file says so; but only one of the two readings makes sense of all relocations.
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
    found = [reference for reference in _references(elf) if reference.symbol.value]
    return bool(found) and all(reference.fits(elf, functions) for reference in found)


@dataclass(frozen=True, slots=True)
class _Reference:
    """A relocated instruction: the symbol, its section, the immediate, and whether it is a call."""

    symbol: Symbol
    section: int
    imm: int
    call: bool

    def fits(self, elf: ElfFile, functions: FunctionTable) -> bool:
        """Whether it makes sense read the GNU way."""
        if self.call:
            return functions.at(self.section, self.imm + 1) is not None
        return self.symbol.value <= self.imm < elf.sections[self.section].size


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
