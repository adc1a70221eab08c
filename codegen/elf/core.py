"""CO-RE relocations: numbers that libbpf takes from the types of the running kernel (libbpf: relo_core.c).

There is no kernel in the hardware. What can be answered without one is: ids of the object's own types, enum values
(taken as the object knows them), and the layout of headers, of struct xdp_md and of what helpers take, which no kernel
may change (`abi`). All else is refused.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from ...hdl.errors import InputError, Refused
from .. import btf as types
from ..btf import Btf
from ..btf_ext import CoreRelocation
from ..isa import Class, Instruction
from .abi import LAYOUTS, Layout


class Kind(enum.IntEnum):
    """enum bpf_core_relo_kind."""

    FIELD_OFFSET = 0
    FIELD_SIZE = 1
    FIELD_EXISTS = 2
    FIELD_SIGNED = 3
    FIELD_LSHIFT = 4
    FIELD_RSHIFT = 5
    TYPE_ID_LOCAL = 6
    TYPE_ID_TARGET = 7
    TYPE_EXISTS = 8
    TYPE_SIZE = 9
    ENUM_EXISTS = 10
    ENUM_VALUE = 11
    TYPE_MATCHES = 12


class Mismatch(Exception):
    """The relocation does not fit the types or the instruction; the text says how."""


def apply(btf: Btf, fix: CoreRelocation, instructions: list[Instruction], slot: int) -> None:
    """Put the answer to one relocation into its instruction. Raises `Mismatch`, `Refused`."""
    try:
        kind = Kind(fix.kind)
        path = [int(word) for word in fix.access.split(":")]
        value = _answer(btf, kind, fix.type, path)
    except InputError as problem:
        raise Mismatch(str(problem)) from None
    except ValueError:
        raise Mismatch(f"kind {fix.kind} with access string {fix.access!r} is unknown") from None
    instruction = instructions[slot]
    if instruction.is_load64:
        low, high = value & 0xFFFFFFFF, value >> 32 & 0xFFFFFFFF
        instructions[slot] = replace(instruction, imm=_signed32(low), imm64=value & (1 << 64) - 1)
        instructions[slot + 1] = replace(instructions[slot + 1], imm=_signed32(high))
    elif instruction.is_alu and not instruction.uses_register:
        instructions[slot] = replace(instruction, imm=_signed32(value))
    elif instruction.cls in (Class.LDX, Class.ST, Class.STX) and 0 <= value < 1 << 15:
        instructions[slot] = replace(instruction, offset=value)
    else:
        raise Mismatch(f"the instruction cannot hold the number {value}")


def _signed32(value: int) -> int:
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


def _answer(btf: Btf, kind: Kind, type: int, path: list[int]) -> int:
    if kind == Kind.TYPE_ID_LOCAL:
        return type
    found = btf.resolve(type)
    if kind in (Kind.ENUM_EXISTS, Kind.ENUM_VALUE):
        if not isinstance(found, types.Enum) or not 0 <= path[0] < len(found.values):
            raise Mismatch(f"type {type} has no enum value {path[0]}")
        return 1 if kind == Kind.ENUM_EXISTS else found.values[path[0]][1]
    layout = LAYOUTS.get(_plain(found.name)) if isinstance(found, types.Struct) else None
    if kind >= Kind.TYPE_ID_TARGET:
        if layout is None or kind == Kind.TYPE_ID_TARGET:
            raise _refusal(kind, found, "")
        return layout.size if kind == Kind.TYPE_SIZE else 1
    field = _field(btf, type, path)
    if layout is None:
        raise _refusal(kind, found, field.name)
    return _field_answer(kind, _move(kind, found, field, layout))


def _plain(name: str) -> str:
    """A type's name without its flavour (``iphdr___mine`` stands for ``iphdr``)."""
    return name.split("___", 1)[0]


_QUESTIONS = {
    Kind.FIELD_EXISTS: "asks whether the running kernel has",
    Kind.TYPE_EXISTS: "asks whether the running kernel has",
    Kind.TYPE_MATCHES: "asks whether the running kernel has",
    Kind.TYPE_ID_TARGET: "needs the running kernel's number of",
}


def _refusal(kind: Kind, found: types.Type, member: str) -> Refused:
    name = f"{'struct' if isinstance(found, types.Struct) else 'type'} {_plain(found.name) or '(without a name)'}"
    question = _QUESTIONS.get(kind, "needs the running kernel's layout of")
    return Refused(
        f"the program {question} {name}{f', member {member}' if member else ''}",
        "there is no kernel in the hardware; only packet headers and structs of the BPF interface have a fixed layout",
    )


@dataclass(frozen=True, slots=True)
class _Field:
    """The end of an access path: its place and size in bits, and those of the outermost named member ``name``."""

    name: str
    outer_offset: int
    outer_size: int
    offset: int
    size: int
    type_bytes: int
    bitfield: bool
    signed: bool


def _field(btf: Btf, type: int, path: list[int]) -> _Field:
    """Follow an access string: an index of the pointer, then members and array elements."""
    id, offset = type, path[0] * 8 * btf.size(type) if path[0] else 0
    name, outer_offset, outer_size, bits = "", 0, 0, 0
    for index in path[1:]:
        found = btf.resolve(id)
        match found:
            case types.Struct() if 0 <= index < len(found.members):
                member = found.members[index]
                offset, id, bits = offset + member.bit_offset, member.type, member.bit_size
                if member.name and not name:
                    name, outer_offset, outer_size = member.name, offset, bits or 8 * btf.size(id)
            case types.Array() if index >= 0:
                offset, id, bits = offset + index * 8 * btf.size(found.element), found.element, 0
            case _:
                raise Mismatch(f"type {type} has nothing at index {index} of its access string")
    found = btf.resolve(id)
    signed = isinstance(found, types.Int | types.Enum) and found.signed
    bytes = btf.size(id)
    return _Field(name, outer_offset, outer_size, offset, bits or 8 * bytes, bytes, bool(bits), signed)


def _move(kind: Kind, found: types.Type, field: _Field, layout: Layout) -> _Field:
    """The field where the fixed layout has it. The object may declare a part of the struct only."""
    if not field.name:  # the struct itself
        return field
    place = layout.members.get(field.name)
    if place is None or place[1] != field.outer_size:
        raise _refusal(kind, found, field.name)
    return replace(field, offset=field.offset - field.outer_offset + place[0])


def _field_answer(kind: Kind, field: _Field) -> int:
    """As bpf_core_calc_field_relo for little-endian: a bit field is loaded as the smallest whole unit around it."""
    size, start = field.type_bytes, field.offset // 8
    if field.bitfield:
        start = start // size * size
        while field.offset + field.size > (start + size) * 8 and size < 8:
            size *= 2
            start = field.offset // 8 // size * size
    match kind:
        case Kind.FIELD_OFFSET:
            return start
        case Kind.FIELD_SIZE:
            return size
        case Kind.FIELD_EXISTS:
            return 1
        case Kind.FIELD_SIGNED:
            return int(field.signed)
        case Kind.FIELD_LSHIFT:
            return 64 - (field.offset + field.size - 8 * start)
        case _:
            return 64 - field.size
