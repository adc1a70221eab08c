"""Reads an object: BTF, maps, functions, and every program linked with the functions that it calls."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...hdl.errors import HardpathError
from .. import btf, btf_ext
from ..btf import Btf
from ..btf_ext import BtfExt
from ..chain import arrays_of_programs
from ..inner_maps import settled
from ..spec import MapSpec, ObjectSpec, ProgramSpec
from ..tables import helper_tables
from .file import ElfFile, Section
from .functions import Function, FunctionTable
from .gnu import has_gnu_addends
from .kinds import attachment, is_library, program_type
from .link import link
from .maps import read_maps
from .resolve import References
from .variables import read_variables

_MAX_SLOTS = 4_000_000  # all programs of an object together
_NUMBERED = re.compile(r"(0x[0-9a-f]{1,8}|[1-9][0-9]{0,9})/(0x[0-9a-f]{1,8}|0|[1-9][0-9]{0,9})", re.I)
_NONE, _ABS64, _DATA32 = 0, 2, (3, 4, 10)  # R_BPF_64_ABS64; ABS32, NODYLD32 and what LLVM before 13 used for it


def load(path: str | Path) -> ObjectSpec:
    """The programs, maps and types of an object file.

    What makes a single program unusable (an undefined symbol, an unknown opcode) is kept in its ``problem``; what
    makes the object unreadable raises `InputError`.
    """
    return load_bytes(path, None)


def load_bytes(path: str | Path, contents: bytes | None) -> ObjectSpec:
    """`load` of bytes that are in memory; ``path`` is only used in messages."""
    elf = ElfFile(path, contents)
    types, ext = _types(elf)
    functions = FunctionTable(elf, ext)
    maps = read_maps(elf, types)
    references = References(elf, types, functions, maps, has_gnu_addends(elf, functions))
    license = _license(elf)
    programs: list[ProgramSpec] = []
    slots = 0
    for function in functions:
        if function.local or is_library(function.section.name):
            continue
        programs.append(_program(function, license, references, ext))
        slots += len(programs[-1].instructions)
        if slots > _MAX_SLOTS:
            raise elf.error(f"its programs have more than {_MAX_SLOTS} instructions together")
    filled = _with_types(_with_numbered_programs(maps.specs, programs), types) | helper_tables(programs)
    return settled(ObjectSpec(elf.path, tuple(programs), filled, license, types, read_variables(elf, types, maps)))


def _with_numbered_programs(maps: Mapping[str, MapSpec], programs: Sequence[ProgramSpec]) -> dict[str, MapSpec]:
    """iproute2 puts the program of section ``2/7`` into slot 7 of the array of programs with id 2."""
    slots: dict[str, dict[int, str]] = {}
    by_number = {maps[name].number: name for name in arrays_of_programs(maps) if maps[name].number}
    for program in programs:
        found = _NUMBERED.fullmatch(program.section)
        if found and (name := by_number.get(int(found[1], 0))):
            slots.setdefault(name, {})[int(found[2], 0)] = program.name
    return {name: replace(spec, slots={**spec.slots, **slots.get(name, {})}) for name, spec in maps.items()}


def _with_types(maps: Mapping[str, MapSpec], types: Btf | None) -> dict[str, MapSpec]:
    return {name: replace(spec, btf=types) for name, spec in maps.items()}


def _program(function: Function, license: str, references: References, ext: BtfExt | None) -> ProgramSpec:
    section = function.section.name
    attach, frags = attachment(section)
    program = ProgramSpec(
        function.name,
        section,
        instructions=(),
        functions={0: function.name},
        license=license,
        frags=frags,
        type=program_type(section),
        attach=attach,
    )
    try:
        return link(program, function, references, ext)
    except HardpathError as problem:
        return replace(program, problem=problem)


def _license(elf: ElfFile) -> str:
    section = elf.section("license")
    return section.data.split(b"\0", 1)[0][:128].decode("utf-8", "replace") if section else ""


def _types(elf: ElfFile) -> tuple[Btf | None, BtfExt | None]:
    section = elf.section(".BTF")
    if section is None or not section.data:
        return None, None
    types = btf.parse(_relocated(elf, section), f"{elf.path}: section .BTF")
    types = _with_layout(elf, types)
    extension = elf.section(".BTF.ext")
    if extension is None or not extension.data:
        return types, None
    return types, btf_ext.parse(_relocated(elf, extension), types, f"{elf.path}: section .BTF.ext")


def _with_layout(elf: ElfFile, types: Btf) -> Btf:
    """Sizes of data sections and offsets of variables, which compilers leave to the loader (btf_fixup_datasec)."""
    sections = {section.name: section for section in elf.sections}
    places: dict[tuple[str, str], int | None] = {}
    for section in elf.sections:
        for symbol in elf.symbols_in(section):
            key = section.name, symbol.name
            places[key] = None if key in places else symbol.value  # None: not the only one of its name
    return types.with_layout({name: section.size for name, section in sections.items()}, lambda *key: places.get(key))


def _relocated(elf: ElfFile, section: Section) -> bytes:
    """A data section with its relocations applied: the symbol's value is added to what is there."""
    data = bytearray(section.data)
    for relocation in elf.relocations.get(section.index, ()):
        if relocation.type == _NONE:
            continue  # LLVM before 10: what the assembler has filled in already
        form = "<Q" if relocation.type == _ABS64 else "<I" if relocation.type in _DATA32 else None
        if form is None:
            raise elf.error(f"relocation type {relocation.type} is unknown", section, relocation.position)
        size = struct.calcsize(form)
        if relocation.position + size > len(data):
            raise elf.error("a relocation beyond the section's end", section, relocation.position)
        (addend,) = struct.unpack_from(form, data, relocation.position)
        value = addend + relocation.symbol.value & (1 << 8 * size) - 1
        struct.pack_into(form, data, relocation.position, value)
    return bytes(data)
