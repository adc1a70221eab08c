"""The functions of an object: which slots of which section, under which name."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..btf_ext import BtfExt
from ..isa import SLOT_BYTES
from .file import ElfFile, Section, Symbol


@dataclass(frozen=True, slots=True)
class Function:
    """``start`` and ``size`` in bytes of the section; a ``local`` one (static) can only be called."""

    name: str
    section: Section = field(repr=False)
    start: int
    size: int
    local: bool = False

    @property
    def key(self) -> tuple[int, int]:
        """Section index and start: what identifies it."""
        return self.section.index, self.start

    @property
    def slots(self) -> int:
        """Its length in instruction slots."""
        return self.size // SLOT_BYTES


class FunctionTable:
    """All functions of the executable sections. Raises `InputError`."""

    def __init__(self, elf: ElfFile, ext: BtfExt | None) -> None:
        self._functions = {
            section.index: {function.start: function for function in _functions(elf, section, ext)}
            for section in elf.sections
            if section.executable and section.type == "SHT_PROGBITS" and section.data
        }

    def __iter__(self) -> Iterator[Function]:
        """By section, then by position."""
        for functions in self._functions.values():
            yield from functions.values()

    def at(self, section: int, start: int) -> Function | None:
        """The function that starts at a byte of a section."""
        return self._functions.get(section, {}).get(start)


def _functions(elf: ElfFile, section: Section, ext: BtfExt | None) -> Iterator[Function]:
    if len(section.data) % SLOT_BYTES:
        raise elf.error(f"{len(section.data)} bytes are no whole number of 8-byte instructions", section)
    symbols = _code_symbols(elf, section)
    if symbols:
        named = [(s.value, s.size, s.name, s.bind == "STB_LOCAL") for s in symbols]
    elif ext and section.name in ext.functions:
        named = [(start, 0, name, False) for start, name in ext.functions[section.name]]
    else:
        named = [(0, 0, section.name, False)]
    starts = sorted({start for start, *_ in named})
    for start, size, name, local in named:
        following = bisect.bisect_right(starts, start)
        end = start + size if size else starts[following] if following < len(starts) else len(section.data)
        if start % SLOT_BYTES or end % SLOT_BYTES or not start < end <= len(section.data):
            raise elf.error(
                f"function {name} ({end - start} bytes) is no range of whole instructions in it", section, start
            )
        yield Function(name, section, start, end - start, local)


def _code_symbols(elf: ElfFile, section: Section) -> list[Symbol]:
    """One symbol for each function, by position. Old compilers give global functions no type."""
    symbols = list(elf.symbols_in(section))
    found = [s for s in symbols if s.type == "STT_FUNC"] or [
        s for s in symbols if s.type == "STT_NOTYPE" and s.bind == "STB_GLOBAL"
    ]
    by_start: dict[int, Symbol] = {}
    for symbol in sorted(found, key=lambda s: s.bind == "STB_LOCAL"):  # of aliases the global one
        by_start.setdefault(symbol.value, symbol)
    return sorted(by_start.values(), key=lambda s: s.value)
