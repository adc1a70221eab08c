"""Access paths: which part of a struct a CO-RE relocation means, in the object's types and in the kernel's.

As libbpf has it (relo_core.c: bpf_core_parse_spec, bpf_core_spec_match).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .. import btf as types
from ..btf import Btf


class NoPath(Exception):
    """The object's own types have no such part; the text says what is wrong."""


class Missing(Exception):
    """The kernel's struct has no member of the name ``member``."""

    def __init__(self, member: str) -> None:
        super().__init__(member)
        self.member = member


@dataclass(frozen=True, slots=True)
class Place:
    """A part of a struct: ``offset`` bits from its start, of type ``type`` of ``btf``.

    ``bits``: those of a bit field, else 0. ``element``: the path's last step is an index.
    """

    btf: Btf
    offset: int
    type: int
    bits: int
    element: bool

    @property
    def found(self) -> types.Type:
        """The type behind typedefs and qualifiers."""
        return self.btf.resolve(self.type)

    @property
    def size(self) -> int:
        """Bytes of the type."""
        return self.btf.size(self.type)

    @property
    def moved(self) -> int:
        """Bytes that a load or store of it moves, of an array's element; 0 for a bit field."""
        size, found = self.size, self.found
        while isinstance(found, types.Array):
            size, found = self.btf.size(found.element), self.btf.resolve(found.element)
        return 0 if self.bits else size

    @property
    def unsigned(self) -> bool:
        """Whether it is an integer that wider and narrower loads extend with zeros."""
        match self.found:
            case types.Int() as found:
                return not found.signed or found.char or found.bool
        return False

    def __str__(self) -> str:
        """What it is, for messages."""
        match self.found:
            case types.Int():
                kind = "an unsigned integer" if self.unsigned else "a signed integer"
            case types.Struct() as found:
                kind = f"a {'union' if found.union else 'struct'}"
            case found:
                kind = f"{'an' if isinstance(found, types.Array | types.Enum) else 'a'} {type(found).__name__.lower()}"
        size = f"{self.bits} bits" if self.bits else f"{self.size} bytes"
        return f"{kind} of {size}"


@dataclass(frozen=True, slots=True)
class _Step:
    """Into member ``name``, or to element ``index`` if there is no name; ``type``: what is there, in the object."""

    name: str
    index: int
    type: int


@dataclass(frozen=True, slots=True)
class Access:
    """A path and where it ends in the object. Steps into structs and unions without a name are left out."""

    btf: Btf
    steps: tuple[_Step, ...]
    place: Place

    def __str__(self) -> str:
        """As C writes it: ``un.echo.id``."""
        parts = (f".{step.name}" if step.name else f"[{step.index}]" for step in self.steps[1:])
        return "".join(parts).removeprefix(".")

    def within(self, kernel: Btf, root: int) -> Place | None:
        """Where it ends in the kernel's struct ``root``; None if what is there is of another kind than in the object.

        Raises `Missing`.
        """
        offset, id, bits = 8 * kernel.size(root) * self.steps[0].index, root, 0
        for step in self.steps[1:]:
            found = kernel.resolve(id)
            if step.name:
                if not isinstance(found, types.Struct):
                    return None
                member = next((m for m in found.members if m.name == step.name), None)
                if member is None:
                    raise Missing(step.name)
                if not _compatible(self.btf, step.type, kernel, member.type):
                    return None
                offset, id, bits = offset + member.bit_offset, member.type, member.bit_size
            else:
                # An array of 0 elements ends a struct and has as many as there is room for.
                if not isinstance(found, types.Array) or 0 < found.length <= step.index:
                    return None
                offset, id, bits = offset + 8 * kernel.size(found.element) * step.index, found.element, 0
        return Place(kernel, offset, id, bits, not self.steps[-1].name)


def follow(btf: Btf, type: int, path: Sequence[int]) -> Access:
    """Follow an access string in the object's types: an index of the pointer, then members and array elements.

    Raises `NoPath`, `InputError`.
    """
    if path[0] < 0:
        raise NoPath(f"its access string begins with {path[0]}")
    id, offset, bits = type, 8 * btf.size(type) * path[0], 0
    steps = [_Step("", path[0], type)]
    for index in path[1:]:
        match found := btf.resolve(id):
            case types.Struct() if 0 <= index < len(found.members):
                member = found.members[index]
                offset, id, bits = offset + member.bit_offset, member.type, member.bit_size
                if member.name:
                    steps.append(_Step(member.name, 0, id))
            case types.Array() if 0 <= index < (found.length or index + 1):
                offset, id, bits = offset + 8 * btf.size(found.element) * index, found.element, 0
                steps.append(_Step("", index, id))
            case _:
                raise NoPath(f"type {type} has nothing at index {index} of its access string")
    return Access(btf, tuple(steps), Place(btf, offset, id, bits, not steps[-1].name))


def _compatible(btf: Btf, ours: int, kernel: Btf, theirs: int) -> bool:
    """Whether a member of type ``ours`` can stand for one of the kernel's (bpf_core_fields_are_compat)."""
    match btf.resolve(ours), kernel.resolve(theirs):
        case types.Struct(), types.Struct():
            return True
        case types.Int() as found, types.Int():
            return not found.bit_offset
        case types.Array() as found, types.Array() as other:
            return _compatible(btf, found.element, kernel, other.element)
    return False
