"""BPF instructions (RFC 9669): encoding, decoding and the kernel's textual form."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MapReference:
    """An LD_IMM64 that loads a map (``offset`` None) or the address ``offset`` bytes into its first value."""

    map: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class Instruction:
    """One 8-byte slot (RFC 9669 section 3). The second slot of a 64-bit immediate has opcode 0.

    ``imm`` and ``offset`` are signed, as encoded. ``imm64`` is the whole unsigned 64-bit immediate of an LD_IMM64.
    """

    opcode: int
    dst: int
    src: int
    offset: int
    imm: int
    imm64: int | None = None
    reference: MapReference | None = None
