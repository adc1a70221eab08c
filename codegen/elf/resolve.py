"""What a relocation or a call refers to: a map, global data, a function, or something outside the object.

The meanings are libbpf's (bpf_program__record_reloc, bpf_object__reloc_code); the kernel's
Documentation/bpf/llvm_reloc.rst lists the types.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...hdl.errors import Refused
from ...hdl.kernel_functions.registry import KERNEL_FUNCTIONS
from ..btf import Btf
from ..isa import SLOT_BYTES, Instruction, KernelReference, MapReference
from .file import ElfFile, Relocation, Symbol
from .functions import Function, FunctionTable
from .maps import ObjectMaps


class Broken(Exception):
    """A reference that makes no sense; the text says why, the linker adds where."""


@dataclass(frozen=True)
class References:
    """Everything in one object that code may refer to; ``gnu_addends``: see `gnu`."""

    elf: ElfFile
    btf: Btf | None
    functions: FunctionTable
    maps: ObjectMaps
    gnu_addends: bool

    def load(self, instruction: Instruction, relocation: Relocation) -> MapReference | Function:
        """What a relocated LD_IMM64 loads the address of. Raises `Broken`, `Refused`."""
        section, offset = self._target(instruction, relocation)
        if function := self.functions.at(section, offset):
            return function
        if name := self.maps.data.get(section):
            return MapReference(name, offset & 0xFFFFFFFF)
        if name := self.maps.at.get((section, offset)):
            return MapReference(name)
        name = self.elf.sections[section].name
        what = f"{relocation.symbol.name or name} (section {name}, offset 0x{offset & 0xFFFFFFFF:x})"
        raise Broken(f"it refers to {what}, which is no map, global data or function")

    def call(self, instruction: Instruction, relocation: Relocation) -> Function | KernelReference:
        """The function that a relocated call goes to. Raises `Broken`, `Refused`."""
        symbol = relocation.symbol
        if symbol.section is None:
            if symbol.name in KERNEL_FUNCTIONS:
                return KernelReference(symbol.name)
            raise self._outside(symbol, "calls")
        if self.gnu_addends and not symbol.is_section:
            return self.function_at(symbol.section, instruction.imm + 1)
        return self.function_at(symbol.section, symbol.value + (instruction.imm + 1) * SLOT_BYTES)

    def function_at(self, section: int, start: int) -> Function:
        """The function that starts at a byte of a section. Raises `Broken`."""
        if function := self.functions.at(section, start):
            return function
        name = self.elf.sections[section].name
        raise Broken(f"it calls section {name}, offset {start}, where no function starts")

    def _target(self, instruction: Instruction, relocation: Relocation) -> tuple[int, int]:
        symbol = relocation.symbol
        if symbol.section is None:
            raise self._outside(symbol, "uses")
        if self.gnu_addends and not symbol.is_section:
            return symbol.section, instruction.imm
        return symbol.section, symbol.value + instruction.imm

    def _outside(self, symbol: Symbol, verb: str) -> Refused:
        """The refusal of a symbol that the object only declares."""
        variables = self.btf.variables() if self.btf else ()
        config = any(s.name == ".kconfig" and v.name == symbol.name for s, _, v in variables)
        what = "kernel configuration value" if config else "kernel symbol"
        return Refused(
            f"the program {verb} the {what} {symbol.name or '(without a name)'}, which the object does not define",
            "there is no kernel in the hardware: define it in the program, or do without it",
        )
