"""The .BTF.ext section: what BTF says about instructions (kernel: Documentation/bpf/btf.rst, section 4.2).

Positions are bytes from the start of the ELF section that holds the code.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ..hdl.errors import InputError
from .btf import Btf, header, part
from .spec import SourceLine


@dataclass(frozen=True, slots=True)
class LineEntry:
    """The source line that starts at a position."""

    position: int
    line: SourceLine


@dataclass(frozen=True, slots=True)
class CoreRelocation:
    """An instruction whose number depends on a type of the running kernel (enum bpf_core_relo_kind)."""

    position: int
    type: int
    access: str
    kind: int


@dataclass(frozen=True)
class BtfExt:
    """By section name, sorted by position: function starts, source lines, CO-RE relocations."""

    functions: Mapping[str, tuple[tuple[int, str], ...]]
    lines: Mapping[str, tuple[LineEntry, ...]]
    relocations: Mapping[str, tuple[CoreRelocation, ...]]


def parse(data: bytes, btf: Btf, where: str) -> BtfExt:
    """The contents of a .BTF.ext section (little-endian, relocated). Raises `InputError`."""
    start, fields = header(data, where, 6)

    def table(index: int, form: str, what: str) -> Iterator[tuple[str, tuple[int, ...]]]:
        body = part(data, start + fields[2 * index], fields[2 * index + 1], where, what)
        return _records(body, form, btf, f"{where}, {what}")

    functions: dict[str, list[tuple[int, str]]] = {}
    for section, (position, type) in table(0, "<II", "function table"):
        functions.setdefault(section, []).append((position, btf.type(type).name))
    lines: dict[str, list[LineEntry]] = {}
    for section, (position, file, text, place) in table(1, "<IIII", "line table"):
        line = SourceLine(btf.string(file), place >> 10, place & 0x3FF, btf.string(text))
        lines.setdefault(section, []).append(LineEntry(position, line))
    relocations: dict[str, list[CoreRelocation]] = {}
    for section, (position, type, access, kind) in table(2, "<IIII", "CO-RE table"):
        relocations.setdefault(section, []).append(CoreRelocation(position, type, btf.string(access), kind))
    return BtfExt(
        {section: tuple(sorted(found)) for section, found in functions.items()},
        {section: tuple(sorted(found, key=lambda entry: entry.position)) for section, found in lines.items()},
        {section: tuple(sorted(found, key=lambda entry: entry.position)) for section, found in relocations.items()},
    )


def _records(body: bytes, form: str, btf: Btf, where: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """(section name, record) of one table: a record size, then for each section its name, a count, records.

    Records longer than ``form`` are of a newer format; what is added at their end is not looked at.
    """
    if not body:
        return
    (size,) = struct.unpack("<I", part(body, 0, 4, where, "the record size"))
    if size < struct.calcsize(form):
        raise InputError(f"{where}: records of {size} bytes, at least {struct.calcsize(form)} are needed")
    position = 4
    while position < len(body):
        name, count = struct.unpack("<II", part(body, position, 8, where, "a section's head"))
        section = btf.string(name)
        records = part(body, position + 8, size * count, where, f"the part about section {section}")
        for start in range(0, size * count, size):
            yield section, struct.unpack_from(form, records, start)
        position += 8 + size * count
