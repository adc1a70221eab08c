"""The ELF object as tables of sections, symbols and relocations; nothing here knows BPF but for the machine type.

pyelftools knows the record layouts; everything that is a position or a size is checked here first, so that a
damaged object gives one `InputError` and never a large allocation.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elftools.common.utils import struct_parse
from elftools.elf.elffile import ELFFile

from ...hdl.errors import InputError

_MAX_FILE = 64 << 20
_EXECUTABLE = 0x4
_HEADER = 64  # bytes of an Elf64_Ehdr
_CUT = ": copy it again, or compile it again"


@dataclass(frozen=True, slots=True)
class Section:
    """A section header. ``size`` may be anything for a NOBITS section (.bss), whose ``data`` is empty."""

    index: int
    name: str
    type: str  # "SHT_PROGBITS" ...
    executable: bool
    size: int
    data: bytes
    link: int
    info: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """A symbol. ``section`` is a section index, None for undefined, absolute and common symbols."""

    name: str
    value: int
    size: int
    type: str  # "STT_FUNC" ...
    bind: str  # "STB_GLOBAL" ...
    section: int | None

    @property
    def is_section(self) -> bool:
        """Whether it stands for its section as a whole."""
        return self.type == "STT_SECTION"


@dataclass(frozen=True, slots=True)
class Relocation:
    """``position`` in bytes in the section that it changes; ``type`` is R_BPF_*."""

    position: int
    type: int
    symbol: Symbol


class ElfFile:
    """A relocatable little-endian eBPF object. Raises `InputError` for everything else."""

    def __init__(self, path: str | Path, contents: bytes | None = None) -> None:
        self.path = str(path)
        self._contents = _read(self.path) if contents is None else contents
        self._structs, header = self._open()
        self.sections = tuple(self._sections(header))
        self.symbols = tuple(self._symbols())
        self.relocations = self._relocations()

    def error(self, message: str, section: Section | None = None, offset: int | None = None) -> InputError:
        """An `InputError` that names the object, and section and offset when given."""
        where = self.path
        if section is not None:
            where += f": section {section.name}"
        if offset is not None:
            where += f", offset 0x{offset:x}"
        return InputError(f"{where}: {message}")

    def section(self, name: str) -> Section | None:
        """The first section of a name."""
        return next((section for section in self.sections if section.name == name), None)

    def symbols_in(self, section: Section) -> Iterator[Symbol]:
        """The named symbols of a section, in the symbol table's order."""
        return iter(self._symbols_by_section.get(section.index, ()))

    @cached_property
    def _symbols_by_section(self) -> dict[int, list[Symbol]]:
        found: dict[int, list[Symbol]] = {}
        for symbol in self.symbols:
            if symbol.section is not None and symbol.name and not symbol.is_section:
                found.setdefault(symbol.section, []).append(symbol)
        return found

    def _open(self) -> tuple[Any, Any]:
        if len(self._contents) < _HEADER and self._contents.startswith(b"\x7fELF"):
            raise self.error(f"not a readable ELF object (the file ends inside its header){_CUT}")
        try:
            elf = ELFFile(io.BytesIO(self._contents))
            structs, header = elf.structs, elf.header
            machine, kind, wide, little = header.e_machine, header.e_type, elf.elfclass, elf.little_endian
        except Exception as error:  # pyelftools raises whatever its parser stumbles over in a damaged header
            why = error or type(error).__name__
            raise self.error(f"not a readable ELF object ({why}): give what clang -target bpf -c makes") from None
        if machine != "EM_BPF" or wide != 64:
            raise self.error("not an eBPF object; compile with clang -O2 -g -target bpf -c")
        if not little:
            raise self.error("a big-endian object; compile with -target bpfel")
        if kind != "ET_REL":
            raise self.error("not a relocatable object; compile with -c and do not link")
        return structs, header

    def _parse(self, layout: Any, offset: int, what: str) -> Any:
        if offset + layout.sizeof() > len(self._contents):
            raise self.error(f"{what} at offset 0x{offset:x} is beyond the end of the file{_CUT}")
        try:
            return struct_parse(layout, io.BytesIO(self._contents[offset : offset + layout.sizeof()]), 0)
        except Exception as error:  # see _open
            raise self.error(f"{what} at offset 0x{offset:x} is damaged ({error})") from None

    def _sections(self, header: Any) -> Iterator[Section]:
        entry = self._structs.Elf_Shdr.sizeof()
        if header.e_shentsize != entry or not header.e_shoff:
            raise self.error("there is no section table")
        first = self._parse(self._structs.Elf_Shdr, header.e_shoff, "section header 0")
        count = header.e_shnum or first.sh_size
        if header.e_shoff + count * entry > len(self._contents):
            raise self.error(f"the table of {count} sections reaches beyond the end of the file{_CUT}")
        raw = [
            self._parse(self._structs.Elf_Shdr, header.e_shoff + i * entry, f"section header {i}") for i in range(count)
        ]
        if sum(h.sh_size for h in raw[1:] if h.sh_type not in ("SHT_NOBITS", "SHT_NULL")) > len(self._contents):
            raise self.error("the sections together are larger than the file")
        if not header.e_shstrndx < count:
            raise self.error(f"section {header.e_shstrndx}, which should hold the names, does not exist")
        names = self._bytes(raw[header.e_shstrndx], "the section name table")
        for index, h in enumerate(raw):
            name = _string(names, h.sh_name)
            data = self._bytes(h, f"section {name or index}")
            executable = bool(h.sh_flags & _EXECUTABLE)
            yield Section(index, name, str(h.sh_type), executable, h.sh_size, data, h.sh_link, h.sh_info)

    def _bytes(self, header: Any, what: str) -> bytes:
        if header.sh_type in ("SHT_NOBITS", "SHT_NULL"):
            return b""
        if header.sh_offset + header.sh_size > len(self._contents):
            raise self.error(f"{what} (offset 0x{header.sh_offset:x}) reaches beyond the end of the file{_CUT}")
        return self._contents[header.sh_offset : header.sh_offset + header.sh_size]

    def _records(self, section: Section, layout: Any) -> Iterator[tuple[int, Any]]:
        size = layout.sizeof()
        if len(section.data) % size:
            raise self.error(f"{len(section.data)} bytes are no whole number of {size}-byte records", section)
        for offset in range(0, len(section.data), size):
            yield offset, struct_parse(layout, io.BytesIO(section.data[offset : offset + size]), 0)

    def _linked(self, section: Section) -> Section:
        if section.link >= len(self.sections):
            raise self.error(f"it refers to section {section.link}, which does not exist", section)
        return self.sections[section.link]

    def _symbols(self) -> Iterator[Symbol]:
        table = next((section for section in self.sections if section.type == "SHT_SYMTAB"), None)
        if table is None:
            return
        names = self._linked(table).data
        for offset, raw in self._records(table, self._structs.Elf_Sym):
            where = raw.st_shndx
            if isinstance(where, int) and where >= len(self.sections):
                raise self.error(f"a symbol lies in section {where}, which does not exist", table, offset)
            yield Symbol(
                _string(names, raw.st_name),
                raw.st_value,
                raw.st_size,
                str(raw.st_info.type),
                str(raw.st_info.bind),
                where if isinstance(where, int) else None,
            )

    def _relocations(self) -> dict[int, tuple[Relocation, ...]]:
        """By index of the section that they change, sorted by position."""
        found: dict[int, list[Relocation]] = {}
        for section in self.sections:
            if section.type == "SHT_RELA":
                raise self.error("relocations with explicit addends (RELA) do not exist in eBPF objects", section)
            if section.type != "SHT_REL" or section.info >= len(self.sections):
                continue
            if self.sections[section.info].name.startswith((".debug", ".eh_frame")):
                continue
            for offset, raw in self._records(section, self._structs.Elf_Rel):
                if raw.r_info_sym >= len(self.symbols):
                    raise self.error(f"symbol {raw.r_info_sym} does not exist", section, offset)
                relocation = Relocation(raw.r_offset, raw.r_info_type, self.symbols[raw.r_info_sym])
                found.setdefault(section.info, []).append(relocation)
        return {index: tuple(sorted(r, key=lambda r: r.position)) for index, r in found.items()}


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            contents = file.read(_MAX_FILE + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give an object file that is there") from None
    if len(contents) > _MAX_FILE:
        raise InputError(f"{path}: larger than {_MAX_FILE >> 20} MiB; no eBPF object is")
    return contents


def _string(table: bytes, offset: int) -> str:
    end = table.find(b"\0", offset, offset + 4096)
    return table[offset : end if end >= 0 else offset + 4096].decode("utf-8", "replace")
