"""CO-RE relocations: numbers that libbpf takes from the types of the running kernel (libbpf: relo_core.c).

There is no kernel in the hardware. What can be answered without one is: ids of the object's own types, enum values
(those of enum xdp_action are the kernel's, others are taken as the object knows them), and the layout of headers, of
struct xdp_md and of what helpers take, which no kernel may change (`abi`). All else is refused.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace

from ...hdl.errors import InputError, Refused
from .. import btf as types
from ..btf import Btf
from ..btf_ext import CoreRelocation
from ..isa import CALL, Call, Class, Instruction, Poison
from .abi import ENUMS, FIXED, KERNEL
from .access import Access, Missing, NoPath, Place, follow

_POISON = 0xBAD2310  # the helper that libbpf calls where there is no answer
_U64 = (1 << 64) - 1
_SIZE_FIELD = {4: 0x00, 2: 0x08, 1: 0x10, 8: 0x18}  # of the opcode of a load or store of so many bytes


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


class _NoAnswer(Exception):
    """The kernel's type is another; libbpf makes the instruction one that no kernel takes. The text says why."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A number, and what it is by the object's types; None where compilers and libbpf may disagree about that.

    ``moved``: bytes that a load or store moves there, in the object and in the kernel. ``misfit``: why the one cannot
    be made the other.
    """

    value: int
    declared: int | None
    moved: tuple[int, int] = (0, 0)
    misfit: str = ""

    def check(self, number: int) -> None:
        """Raise `Mismatch` if the instruction does not hold the number that it should."""
        if self.declared is not None and (number ^ self.declared) & _U64:
            raise Mismatch(f"the instruction has {number} where the object's types give {self.declared}")


def apply(btf: Btf, fix: CoreRelocation, instructions: list[Instruction], slot: int) -> None:
    """Put the answer to one relocation into its instruction (bpf_core_patch_insn). Raises `Mismatch`, `Refused`.

    An instruction without an answer becomes a call of nothing, with a `Poison`, as libbpf makes it: a program may go
    around it.
    """
    slots = slice(slot, slot + instructions[slot].slots)
    try:
        kind = Kind(fix.kind)
        path = [int(word) for word in fix.access.split(":")]
        answer = _answer(btf, kind, fix.type, path)
        instructions[slots] = _patched(instructions[slots], answer)
    except _NoAnswer as reason:
        call = Instruction(CALL, 0, Call.HELPER, 0, _POISON, reference=Poison(str(reason)))
        instructions[slots] = [call] * instructions[slot].slots
    except (InputError, NoPath) as problem:
        raise Mismatch(str(problem)) from None
    except ValueError:
        raise Mismatch(f"kind {fix.kind} with access string {fix.access!r} is unknown") from None


def _patched(old: list[Instruction], answer: _Answer) -> list[Instruction]:
    instruction, value = old[0], answer.value
    if instruction.is_load64:
        answer.check(instruction.imm64 or 0)
        low, high = _signed32(value), _signed32(value >> 32)
        return [replace(instruction, imm=low, imm64=value & _U64), replace(old[1], imm=high)]
    if instruction.is_alu and not instruction.uses_register:
        answer.check(instruction.imm)
        return [replace(instruction, imm=_signed32(value))]
    if instruction.cls in (Class.LDX, Class.ST, Class.STX) and 0 <= value < 1 << 15:
        answer.check(instruction.offset)
        if answer.misfit:
            raise _NoAnswer(answer.misfit)
        return [_resized(replace(instruction, offset=value), *answer.moved)]
    raise Mismatch(f"the instruction cannot hold the number {value}")


def _resized(instruction: Instruction, declared: int, real: int) -> Instruction:
    """A load or store of ``declared`` bytes as one of ``real`` bytes."""
    if declared == real:
        return instruction
    if instruction.size != declared or real not in _SIZE_FIELD:
        sizes = f"{instruction.size} bytes, of {declared} in the object and {real} in the kernel"
        raise Mismatch(f"a load or store of {sizes}")
    return replace(instruction, opcode=instruction.opcode & ~0x18 | _SIZE_FIELD[real])


def _signed32(value: int) -> int:
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


def _answer(btf: Btf, kind: Kind, type: int, path: list[int]) -> _Answer:
    if kind == Kind.TYPE_ID_LOCAL:
        return _Answer(type, None)
    found = btf.resolve(type)
    if kind in (Kind.ENUM_EXISTS, Kind.ENUM_VALUE):
        if not isinstance(found, types.Enum) or not 0 <= path[0] < len(found.values):
            raise Mismatch(f"type {type} has no enum value {path[0]}")
        name, value = found.values[path[0]]
        known = ENUMS.get(_plain(found.name))
        real = value if known is None else known.get(_plain(name))
        if real is None:
            raise _refusal(kind, found, _plain(name))
        return _Answer(1, 1) if kind == Kind.ENUM_EXISTS else _Answer(real, value)
    found = btf.type(type)  # a typedef is another type than what it stands for
    is_struct = isinstance(found, types.Struct) and not found.union
    root = FIXED.get(_plain(found.name)) if is_struct else None
    if kind >= Kind.TYPE_ID_TARGET:
        if root is None or kind in (Kind.TYPE_ID_TARGET, Kind.TYPE_MATCHES):
            raise _refusal(kind, found, "")
        return _Answer(KERNEL.size(root), btf.size(type)) if kind == Kind.TYPE_SIZE else _Answer(1, 1)
    access = follow(btf, type, path)
    if root is None:
        raise _refusal(kind, found, str(access))
    try:
        return _field_answer(kind, found, access, access.within(KERNEL, root))
    except Missing:
        raise _refusal(kind, found, str(access)) from None


def _plain(name: str) -> str:
    """The name of a type or an enum's value without its flavour (``iphdr___mine`` stands for ``iphdr``)."""
    return name.split("___", 1)[0]


_QUESTIONS = {
    Kind.FIELD_EXISTS: "asks whether the running kernel has",
    Kind.TYPE_EXISTS: "asks whether the running kernel has",
    Kind.TYPE_MATCHES: "asks whether the running kernel has the same",
    Kind.TYPE_ID_TARGET: "needs the running kernel's number of",
    Kind.ENUM_EXISTS: "asks whether the running kernel has",
    Kind.ENUM_VALUE: "needs what the running kernel has for",
}


def _refusal(kind: Kind, found: types.Type, member: str) -> Refused:
    what, part = {types.Struct: ("struct", "member"), types.Enum: ("enum", "value")}.get(type(found), ("type", ""))
    name = f"{what} {_plain(found.name) or '(without a name)'}"
    question = _QUESTIONS.get(kind, "needs the running kernel's layout of")
    return Refused(
        f"the program {question} {name}{f', {part} {member}' if member else ''}",
        "there is no kernel in the hardware; only packet headers, structs of the BPF interface and enum xdp_action are "
        "the same in all",
    )


def _field_answer(kind: Kind, found: types.Type, access: Access, place: Place | None) -> _Answer:
    """As bpf_core_calc_relo. ``place``: what the kernel's struct has there."""
    if kind == Kind.FIELD_EXISTS:
        return _Answer(int(place is not None), 1)
    name, ours = f"member {access} of struct {_plain(found.name)}", access.place
    if place is None:
        raise _NoAnswer(f"{name} is {ours} in the object and something else in the kernel")
    moved, misfit = (0, 0), ""
    if kind == Kind.FIELD_OFFSET:
        moved = ours.moved, place.moved
        if moved[0] != moved[1] and not (ours.unsigned and place.unsigned):
            misfit = f"{name} is {ours} in the object and {place} in the kernel"
    unsure = ours.bits and kind not in (Kind.FIELD_SIGNED, Kind.FIELD_RSHIFT)
    return _Answer(_number(kind, place), None if unsure else _number(kind, ours), moved, misfit)


def _number(kind: Kind, place: Place) -> int:
    """As bpf_core_calc_field_relo for little-endian: a bit field is loaded as the smallest whole unit around it."""
    if place.element and kind not in (Kind.FIELD_OFFSET, Kind.FIELD_SIZE):
        raise Mismatch("only place and size of an array's element are known")
    size, bits, start = place.size, place.bits or 8 * place.size, place.offset // 8
    if place.bits:
        size = max(size, 1)
        start = start // size * size
        while place.offset + bits > (start + size) * 8:
            if size >= 8:
                raise Mismatch(f"no load holds the bit field of {bits} bits")
            size *= 2
            start = place.offset // 8 // size * size
    match kind:
        case Kind.FIELD_OFFSET:
            return start
        case Kind.FIELD_SIZE:
            return size
        case Kind.FIELD_SIGNED:
            return int(isinstance(place.found, types.Int | types.Enum) and place.found.signed)
        case Kind.FIELD_LSHIFT:
            return 64 - (place.offset + bits - 8 * start)
        case _:
            return 64 - bits
