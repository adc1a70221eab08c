"""Values in memory by their BTF types: bytes to numbers, texts, structs and back.

`decode` gives a tree that keeps all that a printer may want to know (`Fields`, `Bits`, `Address`); `plain` makes
ordinary Python of it, `encode` bytes of ordinary Python. Memory is little-endian; a byte that is not there is an
`InputError`, as are values that do not fit their type.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

from ..hdl.errors import InputError
from .btf import (
    Alias,
    Array,
    Btf,
    DataSection,
    Enum,
    Float,
    Int,
    Member,
    Pointer,
    Struct,
    Variable,
)

_MAX_DEPTH = 64
_PRINTABLE = range(0x20, 0x7F)


class Fields(tuple[tuple[str, Any], ...]):
    """The members of a struct or union by name, in order; a nameless one has the name ``""``."""


class Section(Fields):
    """The variables of a data section, by name; its own name is ``name``."""

    name: str = ""


class Bits(int):
    """A bit field, or an integer that no C type of 64 bits holds; ``pattern`` are its bits without a sign."""

    pattern: int = 0

    @classmethod
    def of(cls, pattern: int, width: int, signed: bool) -> Bits:
        """The bits of a field ``width`` bits wide."""
        value = cls(_signed(pattern, width) if signed else pattern)
        value.pattern = pattern
        return value


class Address(int):
    """A pointer."""


def decode(types: Btf, type_id: int, data: bytes) -> Any:
    """The value of a type in ``data``: int, bool, float, str (a text in an array of char, the name of an enumerator),
    list (array), `Fields`, `Section`, `Bits` or `Address`."""
    return _decode(types, type_id, data, 0, 0)


def plain(value: Any) -> Any:
    """The same as ordinary Python: a struct is a dict, in which the members of nameless ones are its own, a data
    section a dict of its variables."""
    match value:
        case Fields():
            members: dict[str, Any] = {}
            for name, member in value:
                found = plain(member)
                members |= {name: found} if name else found if isinstance(found, dict) else {}
            return members
        case list():
            return [plain(element) for element in value]
        case Bits() | Address():
            return int(value)
        case _:
            return value


def encode(types: Btf, type_id: int, value: Any) -> bytes:
    """The bytes of a value given as `plain` tells it: members that a dict does not name are zero, an array may be
    bytes, an enumerator its name or number. Bytes of the right number are taken as they are for every type."""
    memory = bytearray(types.size(type_id))
    _encode(types, type_id, value, memory, 0, types.type(type_id).name or "the value", 0)
    return bytes(memory)


def _decode(types: Btf, type_id: int, data: bytes, at: int, depth: int) -> Any:
    _check_depth(types, depth)
    found = types.resolve(type_id)
    match found:
        case Int(bits=0):
            raw = _unsigned(types, data, at, found.size)
            if found.bool:
                return bool(raw & 0xFF)
            if found.size > 8:
                return Bits.of(raw, 8 * found.size, found.signed)
            return _signed(raw, 8 * found.size) if found.signed else raw
        case Int():
            return _decode_bits(types, found, data, 8 * at + found.bit_offset, found.bits)
        case Enum():
            number = _enumerator(found, _unsigned(types, data, at, found.size))
            return next((name for name, known in found.values if known == number), number)
        case Pointer():
            return Address(_unsigned(types, data, at, 8))
        case Float() if found.size in _FLOATS:
            return struct.unpack_from(_FLOATS[found.size], _part(types, data, at, found.size))[0]
        case Array():
            size = types.size(found.element)
            whole = _part(types, data, at, size * found.length)
            if not size:  # of empty structs there may be any number
                return []
            if _is_text(types, found, whole):
                return whole.split(b"\0", 1)[0].decode("ascii")
            return [_decode(types, found.element, data, at + size * i, depth + 1) for i in range(found.length)]
        case Struct():
            return Fields((m.name, _decode_member(types, m, data, at, depth)) for m in found.members)
        case DataSection():
            entries = ((types.type(entry.type), entry.offset) for entry in found.variables)
            section = Section(
                (variable.name, _decode(types, variable.type, data, at + offset, depth + 1))
                for variable, offset in entries
                if isinstance(variable, Variable)
            )
            section.name = found.name
            return section
        case _:
            raise InputError(f"{types.where}: type id {type_id} ({type(found).__name__}) has no value")


def _decode_member(types: Btf, member: Member, data: bytes, at: int, depth: int) -> Any:
    if member.bit_size:
        return _decode_bits(types, types.resolve(member.type), data, 8 * at + member.bit_offset, member.bit_size)
    kind = types.resolve(member.type)
    if isinstance(kind, Int) and (kind.bits or member.bit_offset % 8):
        where = 8 * at + member.bit_offset + kind.bit_offset
        return _decode_bits(types, kind, data, where, kind.bits or 8 * kind.size)
    return _decode(types, member.type, data, at + member.bit_offset // 8, depth + 1)


def _decode_bits(types: Btf, kind: Any, data: bytes, bit: int, width: int) -> Bits:
    first = bit // 8
    raw = _unsigned(types, data, first, (bit + width + 7) // 8 - first)
    return Bits.of(raw >> bit % 8 & (1 << width) - 1, width, getattr(kind, "signed", False))


def _is_text(types: Btf, array: Array, whole: bytes) -> bool:
    """Whether an array is shown as text: of char itself, no typedef of it, printable bytes and a NUL behind them."""
    element = types.type(array.element)
    for _ in range(_MAX_DEPTH):
        if not isinstance(element, Alias) or element.kind == "typedef":
            break
        element = types.type(element.target)
    if not isinstance(element, Int) or element.size != 1 or not (element.char or element.name == "char"):
        return False
    text, end, _ = whole.partition(b"\0")
    return bool(end) and all(byte in _PRINTABLE for byte in text)


_FLOATS = {2: "<e", 4: "<f", 8: "<d"}


def _encode(types: Btf, type_id: int, value: Any, memory: bytearray, at: int, what: str, depth: int) -> None:
    _check_depth(types, depth)
    found = types.resolve(type_id)
    if isinstance(value, (bytes, bytearray)):
        size = types.size(type_id)
        if len(value) != size and not (isinstance(found, Array) and len(value) < size):
            raise InputError(f"{what}: {len(value)} bytes, must be {size}")
        memory[at : at + len(value)] = value
        return
    match found:
        case Int():
            width, offset = (found.bits, found.bit_offset) if found.bits else (8 * found.size, 0)
            _store(memory, 8 * at + offset, width, _number(value, width, found.signed, what))
        case Enum():
            _store(memory, 8 * at, 8 * found.size, _number(_named(found, value, what), 8 * found.size, None, what))
        case Pointer():
            _store(memory, 8 * at, 64, _number(value, 64, False, what))
        case Float() if isinstance(value, (int, float)) and found.size in _FLOATS:
            struct.pack_into(_FLOATS[found.size], memory, at, value)
        case Array():
            _encode_array(types, found, value, memory, at, what, depth)
        case Struct():
            _encode_struct(types, found, value, memory, at, what, depth)
        case DataSection():
            _encode_section(types, found, value, memory, at, what, depth)
        case _:
            raise InputError(f"{what}: {value!r} is no value of its type")


def _encode_array(
    types: Btf, array: Array, value: Any, memory: bytearray, at: int, what: str, depth: int
) -> None:
    size = types.size(array.element)
    if isinstance(value, str) and size == 1:
        value = value.encode()
    if not isinstance(value, (bytes, Sequence)) or isinstance(value, str):
        raise InputError(f"{what}: {value!r} is no list")
    if len(value) > array.length:
        raise InputError(f"{what}: {len(value)} elements, at most {array.length} fit")
    for i, element in enumerate(value):
        if isinstance(value, bytes):
            memory[at + i] = element
        else:
            _encode(types, array.element, element, memory, at + size * i, f"{what}[{i}]", depth + 1)


def _encode_struct(
    types: Btf, struct: Struct, value: Any, memory: bytearray, at: int, what: str, depth: int
) -> None:
    if not isinstance(value, Mapping):
        raise InputError(f"{what}: {value!r} is no dict of its members")
    unknown = set(value) - set(_names(types, struct))
    if unknown:
        known = ", ".join(_names(types, struct))
        raise InputError(f"{what} has no member {', '.join(map(str, sorted(unknown)))}; it has {known}")
    for member in struct.members:
        inner = types.resolve(member.type)
        if not member.name and isinstance(inner, Struct):
            own = {name: value[name] for name in _names(types, inner) if name in value}
            if own:
                _encode(types, member.type, own, memory, at + member.bit_offset // 8, what, depth + 1)
        elif member.name in value:
            where = f"{what}.{member.name}"
            if member.bit_size:
                number = _named(inner, value[member.name], where) if isinstance(inner, Enum) else value[member.name]
                signed = getattr(inner, "signed", False)
                bits = _number(number, member.bit_size, signed, where)
                _store(memory, 8 * at + member.bit_offset, member.bit_size, bits)
            else:
                _encode(types, member.type, value[member.name], memory, at + member.bit_offset // 8, where, depth + 1)


def _encode_section(
    types: Btf, section: DataSection, value: Any, memory: bytearray, at: int, what: str, depth: int
) -> None:
    if not isinstance(value, Mapping):
        raise InputError(f"{what}: {value!r} is no dict of its variables")
    places = {types.type(entry.type).name: entry for entry in section.variables}
    for name, content in value.items():
        if name not in places:
            raise InputError(f"{what} has no variable {name}; it has {', '.join(places)}")
        variable = types.type(places[name].type)
        assert isinstance(variable, Variable)
        _encode(types, variable.type, content, memory, at + places[name].offset, f"{what}.{name}", depth + 1)


def _names(types: Btf, struct: Struct) -> list[str]:
    """The members that C lets one name, those of nameless members included."""
    names: list[str] = []
    for member in struct.members:
        inner = types.resolve(member.type)
        names += [member.name] if member.name else _names(types, inner) if isinstance(inner, Struct) else []
    return names


def _named(kind: Enum, value: Any, what: str) -> Any:
    if not isinstance(value, str):
        return value
    number = next((number for name, number in kind.values if name == value), None)
    if number is None:
        raise InputError(f"{what}: {value} is none of {', '.join(name for name, _ in kind.values)}")
    return number


def _number(value: Any, width: int, signed: bool | None, what: str) -> int:
    """The bits of a number. ``signed`` None: either."""
    if not isinstance(value, int):
        raise InputError(f"{what}: {value!r} is no whole number")
    low = 0 if signed is False else -(1 << width - 1)
    high = 1 << (width - 1 if signed else width)
    if not low <= value < high:
        raise InputError(f"{what}: {value} is outside of {low} to {high - 1}")
    return value & (1 << width) - 1


def _store(memory: bytearray, bit: int, width: int, pattern: int) -> None:
    first, end = bit // 8, (bit + width + 7) // 8
    mask = (1 << width) - 1 << bit % 8
    old = int.from_bytes(memory[first:end], "little")
    memory[first:end] = (old & ~mask | pattern << bit % 8).to_bytes(end - first, "little")


def _enumerator(kind: Enum, raw: int) -> int:
    """The number as the names have it, which may be signed or not; one without a name is signed, as bpftool has it."""
    signed = _signed(raw, 8 * kind.size)
    return raw if signed != raw and any(number == raw for _, number in kind.values) else signed


def _part(types: Btf, data: bytes, at: int, size: int) -> bytes:
    if at + size > len(data):
        raise InputError(f"{types.where}: a value of {len(data)} bytes ends before its type does, at byte {at + size}")
    return data[at : at + size]


def _unsigned(types: Btf, data: bytes, at: int, size: int) -> int:
    return int.from_bytes(_part(types, data, at, size), "little")


def _signed(value: int, width: int) -> int:
    return value - (1 << width) if value >> width - 1 & 1 else value


def _check_depth(types: Btf, depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise InputError(f"{types.where}: types are nested more than {_MAX_DEPTH} deep")
