"""BPF Type Format: the types of an object (kernel: Documentation/bpf/btf.rst, include/uapi/linux/btf.h).

Sizes are in bytes, positions of members in bits. Everything is bounds-checked: a damaged section gives one
`InputError`. Type ids are as in the section; id 0 is void.
"""

from __future__ import annotations

import builtins
import enum
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

from ..hdl.errors import InputError

_MAGIC = 0xEB9F
_MAX_STRING = 4096  # no name or source line that matters is longer; keeps damaged tables cheap
_MAX_DEPTH = 64  # typedefs, qualifiers and arrays that may wrap one another


@dataclass(frozen=True, slots=True)
class Void:
    """Type 0, and whatever a forward declaration leaves open."""

    name: str = ""


@dataclass(frozen=True, slots=True)
class Int:
    """An integer of ``size`` bytes. ``bits`` at ``bit_offset`` of them count if it is an old kind of bit field, else
    ``bits`` is 0. ``char``: the type says that it is a character."""

    name: str
    size: int
    signed: bool
    bool: bool
    char: builtins.bool = False
    bits: int = 0
    bit_offset: int = 0


@dataclass(frozen=True, slots=True)
class Float:
    """A floating-point number of ``size`` bytes."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Pointer:
    """A pointer to ``target``."""

    target: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Array:
    """``length`` elements of type ``element``."""

    element: int
    length: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a struct or union; ``bit_size`` is 0 unless it is a bit field."""

    name: str
    type: int
    bit_offset: int
    bit_size: int = 0


@dataclass(frozen=True, slots=True)
class Struct:
    """A struct, or a union."""

    name: str
    size: int
    members: tuple[Member, ...]
    union: bool = False


@dataclass(frozen=True, slots=True)
class Enum:
    """An enumeration of ``size`` bytes; ``values`` in order of declaration."""

    name: str
    size: int
    values: tuple[tuple[str, int], ...]
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Forward:
    """A declared struct or union that the object never defines."""

    name: str


@dataclass(frozen=True, slots=True)
class Alias:
    """A typedef (with a name), a qualifier or a type tag: another word for ``target``."""

    kind: str  # "typedef", "const", "volatile", "restrict", "type_tag"
    name: str
    target: int


@dataclass(frozen=True, slots=True)
class Function:
    """A function of prototype ``prototype``."""

    name: str
    prototype: int


@dataclass(frozen=True, slots=True)
class FunctionPrototype:
    """What a function takes (name, type) and returns."""

    result: int
    parameters: tuple[tuple[str, int], ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Variable:
    """A global variable."""

    name: str
    type: int
    linkage: int = 0  # 0 static, 1 global, 2 extern


@dataclass(frozen=True, slots=True)
class SectionVariable:
    """Where variable ``type`` (an id) lies in its section; bytes."""

    type: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class DataSection:
    """The variables of one ELF section."""

    name: str
    size: int
    variables: tuple[SectionVariable, ...]


@dataclass(frozen=True, slots=True)
class DeclarationTag:
    """A btf_decl_tag attribute."""

    name: str
    target: int
    component: int


Type = (
    Void
    | Int
    | Float
    | Pointer
    | Array
    | Struct
    | Enum
    | Forward
    | Alias
    | Function
    | FunctionPrototype
    | Variable
    | DataSection
    | DeclarationTag
)


@dataclass(frozen=True)
class Btf:
    """All types of one object; ``where`` names the object and section in messages."""

    where: str
    types: tuple[Type, ...]
    strings: bytes

    def type(self, id: int) -> Type:
        """The type with an id; raises `InputError` when there is none."""
        if 0 <= id < len(self.types):
            return self.types[id]
        raise InputError(f"{self.where}: type id {id} does not exist (there are {len(self.types)})")

    def string(self, offset: int) -> str:
        """The string at an offset of the string table; raises `InputError` outside of it."""
        return string_at(self.strings, offset, self.where)

    def resolve(self, id: int) -> Type:
        """The type behind typedefs, qualifiers and type tags."""
        for _ in range(_MAX_DEPTH):
            found = self.type(id)
            if not isinstance(found, Alias):
                return found
            id = found.target
        raise InputError(f"{self.where}: type id {id} is an alias of itself")

    def size(self, id: int) -> int:
        """Bytes of a type; raises `InputError` for types that have no size (void, functions)."""
        count = 1
        for _ in range(_MAX_DEPTH):
            found = self.resolve(id)
            match found:
                case Array():
                    count *= found.length
                    id = found.element
                case Int() | Float() | Struct() | Enum() | DataSection():
                    return count * found.size
                case Pointer():
                    return count * 8
                case Variable():
                    id = found.type
                case _:
                    raise InputError(f"{self.where}: type id {id} ({type(found).__name__}) has no size")
        raise InputError(f"{self.where}: type id {id} contains itself")

    def sections(self) -> Iterator[DataSection]:
        """The data sections, in order."""
        return (t for t in self.types if isinstance(t, DataSection))

    def variables(self) -> Iterator[tuple[DataSection, SectionVariable, Variable]]:
        """Every variable with the section it lies in."""
        for section in self.sections():
            for entry in section.variables:
                variable = self.type(entry.type)
                if isinstance(variable, Variable):
                    yield section, entry, variable

    def with_layout(self, sizes: Mapping[str, int], offset_of: Callable[[str, str], int | None]) -> Btf:
        """The same types with what only the ELF file knows filled into the data sections.

        ``sizes``: bytes of the ELF sections; ``offset_of(section, variable)``: where a variable's symbol is, or
        None to leave the offset as it is (compilers write 0).
        """

        def place(section: DataSection, entry: SectionVariable) -> SectionVariable:
            offset = offset_of(section.name, self.type(entry.type).name)
            return entry if offset is None else replace(entry, offset=offset)

        def fix(found: Type) -> Type:
            if not isinstance(found, DataSection):
                return found
            return replace(
                found,
                size=sizes.get(found.name, found.size),
                variables=tuple(place(found, entry) for entry in found.variables),
            )

        return replace(self, types=tuple(fix(found) for found in self.types))


def string_at(strings: bytes, offset: int, where: str) -> str:
    """The NUL-terminated string at an offset of a string table; raises `InputError` outside of it."""
    if not 0 <= offset < max(len(strings), 1):
        raise InputError(f"{where}: string offset {offset} is outside the table of {len(strings)} bytes")
    end = strings.find(b"\0", offset, offset + _MAX_STRING)
    return strings[offset : end if end >= 0 else offset + _MAX_STRING].decode("utf-8", "replace")


def header(data: bytes, where: str, words: int) -> tuple[int, tuple[int, ...]]:
    """The common start of .BTF and .BTF.ext: its length in bytes and the ``words`` 32-bit fields behind it.

    Fields that the header is too short to have are 0. Raises `InputError`.
    """
    if len(data) < 8:
        raise InputError(f"{where}: {len(data)} bytes are too few for a header")
    magic, version, _, length = struct.unpack_from("<HBBI", data)
    if magic != _MAGIC:
        raise InputError(f"{where}, offset 0x0: magic number 0x{magic:04x} instead of 0x{_MAGIC:04x}")
    if version != 1:
        raise InputError(f"{where}, offset 0x2: version {version} is unknown (1 is known)")
    if not 8 <= length <= len(data):
        raise InputError(f"{where}, offset 0x4: header of {length} bytes in a section of {len(data)}")
    fields = data[8 : min(length, 8 + 4 * words)].ljust(4 * words, b"\0")
    return length, struct.unpack(f"<{words}I", fields)


def part(data: bytes, start: int, size: int, where: str, what: str) -> bytes:
    """``size`` bytes of a section from ``start`` on; raises `InputError` when they are not there."""
    if start + size > len(data):
        raise InputError(f"{where}: {what} (offset 0x{start:x}, {size} bytes) reaches beyond the section's end")
    return data[start : start + size]


def parse(data: bytes, where: str) -> Btf:
    """The contents of a .BTF section (little-endian, relocated). Raises `InputError`."""
    start, (type_offset, type_bytes, string_offset, string_bytes) = header(data, where, 4)
    strings = part(data, start + string_offset, string_bytes, where, "the string table")
    records = part(data, start + type_offset, type_bytes, where, "the type table")
    return Btf(where, (Void(), *_types(records, strings, where)), strings)


class _Kind(enum.IntEnum):
    """BTF_KIND_* of include/uapi/linux/btf.h."""

    INT = 1
    PTR = 2
    ARRAY = 3
    STRUCT = 4
    UNION = 5
    ENUM = 6
    FWD = 7
    TYPEDEF = 8
    VOLATILE = 9
    CONST = 10
    RESTRICT = 11
    FUNC = 12
    FUNC_PROTO = 13
    VAR = 14
    DATASEC = 15
    FLOAT = 16
    DECL_TAG = 17
    TYPE_TAG = 18
    ENUM64 = 19


_ONE_RECORD = {_Kind.INT: "<I", _Kind.ARRAY: "<III", _Kind.VAR: "<I", _Kind.DECL_TAG: "<I"}
"""What follows the 12 bytes that all types start with; for the next table as often as their count says."""
_RECORDS = {
    _Kind.STRUCT: "<III",
    _Kind.UNION: "<III",
    _Kind.ENUM: "<II",
    _Kind.FUNC_PROTO: "<II",
    _Kind.DATASEC: "<III",
    _Kind.ENUM64: "<III",
}


def _types(records: bytes, strings: bytes, where: str) -> Iterator[Type]:
    position = 0
    while position < len(records):
        what = f"the type at {position} of the type table"
        name, info, third = struct.unpack("<III", part(records, position, 12, where, what))
        number, count, flag = info >> 24 & 0x1F, info & 0xFFFF, bool(info >> 31)
        if number not in list(_Kind):
            raise InputError(f"{where}: {what} has the unknown kind {number}")
        kind = _Kind(number)
        form = _RECORDS.get(kind) or _ONE_RECORD.get(kind, "<")
        size = struct.calcsize(form) * (count if kind in _RECORDS else 1)
        body = part(records, position + 12, size, where, what)
        extra = list(struct.iter_unpack(form, body)) if size else []
        yield _type(
            kind,
            string_at(strings, name, where),
            third,
            flag,
            extra,
            partial(string_at, strings, where=where),
        )
        position += 12 + size


def _type(
    kind: _Kind, name: str, third: int, flag: bool, extra: list[tuple[int, ...]], text: Callable[[int], str]
) -> Type:
    """One type. ``third``: size or type it refers to; ``flag``: the kind flag; ``extra``: its records."""
    match kind:
        case _Kind.INT:
            info = extra[0][0]
            encoding, offset, bits = info >> 24, info >> 16 & 0xFF, info & 0xFF
            part_only = offset or bits != 8 * third
            where = (bits, offset) if part_only else (0, 0)
            return Int(name, third, bool(encoding & 1), bool(encoding & 4), bool(encoding & 2), *where)
        case _Kind.PTR:
            return Pointer(third)
        case _Kind.ARRAY:
            return Array(extra[0][0], extra[0][2])
        case _Kind.STRUCT | _Kind.UNION:
            members = tuple(
                Member(text(n), t, o & 0xFFFFFF, o >> 24) if flag else Member(text(n), t, o) for n, t, o in extra
            )
            return Struct(name, third, members, kind == _Kind.UNION)
        case _Kind.ENUM:
            return Enum(name, third, tuple((text(n), _signed(v, 32) if flag else v) for n, v in extra), flag)
        case _Kind.ENUM64:
            values = ((text(n), low | high << 32) for n, low, high in extra)
            return Enum(name, third, tuple((n, _signed(v, 64) if flag else v) for n, v in values), flag)
        case _Kind.FWD:
            return Forward(name)
        case _Kind.FUNC:
            return Function(name, third)
        case _Kind.FUNC_PROTO:
            return FunctionPrototype(third, tuple((text(n), t) for n, t in extra))
        case _Kind.VAR:
            return Variable(name, third, extra[0][0])
        case _Kind.DATASEC:
            return DataSection(name, third, tuple(SectionVariable(*record) for record in extra))
        case _Kind.FLOAT:
            return Float(name, third)
        case _Kind.DECL_TAG:
            return DeclarationTag(name, third, extra[0][0])
        case _:
            return Alias(kind.name.lower(), name, third)


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) else value
