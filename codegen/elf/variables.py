"""Global variables of an object: as BTF has them or, where there is none, as the symbols have them."""

from __future__ import annotations

from collections.abc import Iterator

from .. import btf as types
from ..btf import Btf
from ..spec import Variable
from .file import ElfFile
from .maps import ObjectMaps

_NUMBERS = range(1, 9)  # bytes


def read_variables(elf: ElfFile, btf: Btf | None, maps: ObjectMaps) -> dict[str, Variable]:
    """Variables by name, those that lie inside of global data. BTF knows their types; symbols, which objects without
    debug information have, only their sizes."""
    found = dict(_by_symbols(elf, maps))
    if btf is not None:
        found |= _by_types(btf, maps)
    return {
        name: variable
        for name, variable in found.items()
        if variable.offset + variable.size <= maps.specs[variable.map].value_size
    }


def _by_symbols(elf: ElfFile, maps: ObjectMaps) -> Iterator[tuple[str, Variable]]:
    for section in elf.sections:
        if section.index in maps.data:
            for symbol in elf.symbols_in(section):
                if symbol.type == "STT_OBJECT" and symbol.size:
                    number = symbol.size in (1, 2, 4, 8)
                    yield symbol.name, Variable(maps.data[section.index], symbol.value, symbol.size, number)


def _by_types(btf: Btf, maps: ObjectMaps) -> Iterator[tuple[str, Variable]]:
    data = {maps.specs[name].section: name for name in maps.data.values()}
    for section, entry, variable in btf.variables():
        if section.name in data:
            kind, size, number = btf.resolve(variable.type), entry.size, False
            if isinstance(kind, types.Int | types.Enum):
                size, number = kind.size, kind.size in _NUMBERS
            yield variable.name, Variable(data[section.name], entry.offset, size, number)
