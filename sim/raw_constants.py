"""Keeps the compiler from computing what the hardware should: constants of a raw program move into its memory.

A test such as "7 divided by 2" has no input, so the compiler folds it to its result and no divider is ever built. Here
every constant that the main function loads into a register becomes a load from memory, which only the hardware sees.
"""

from __future__ import annotations

import struct

from ..codegen.isa import FRAME_POINTER, JA, Alu, Class, Instruction, Mode, decode, encode

_DOUBLE = 0x18  # size bits of 8 bytes
_LOAD = Class.LDX | Mode.MEM | _DOUBLE
_STORE = Class.STX | Mode.MEM | _DOUBLE
_MOVE = Class.ALU64 | Alu.MOV
_STACK = -448
"""The constants are copied to the far part of the stack, where r10 still finds them when r1 is gone."""

_MOST = 24
"""Constants, which then end at r10 - 256: what is nearer is the program's, what is further its callees'."""


def hide_constants(code: bytes, memory: bytes) -> tuple[bytes, bytes]:
    """An encoded program that gives the same result although its constants come from memory; and that memory.

    Verification may refuse it where the original is safe: a loop bound or an offset that is hidden is unknown. The
    program must not use the stack below r10 - 256. Raises `InputError` for a wrong encoding.
    """
    instructions = list(decode(code))
    end = min((s + 1 + i.imm for s, i in enumerate(instructions) if i.is_local_call), default=len(instructions))
    hidden: list[int] = []
    for slot, i in enumerate(instructions[:end]):
        if (value := _constant(i)) is None:
            continue
        if value not in hidden:
            if len(hidden) == _MOST:
                continue
            hidden.append(value)
        place = _STACK + 8 * hidden.index(value)
        instructions[slot] = Instruction(_LOAD, i.dst, FRAME_POINTER, place, 0)
        if i.is_load64:
            instructions[slot + 1] = Instruction(JA, 0, 0, 0, 0)
    prologue = []
    for number in range(len(hidden)):
        prologue.append(Instruction(_LOAD, 0, 1, len(memory) + 8 * number, 0))
        prologue.append(Instruction(_STORE, FRAME_POINTER, 0, _STACK + 8 * number, 0))
    prologue.append(Instruction(_MOVE, 2, 0, 0, len(memory)))
    return encode([*prologue, *instructions]), memory + struct.pack(f"<{len(hidden)}Q", *hidden)


def _constant(i: Instruction) -> int | None:
    """The constant that an instruction loads into its register, as 64 bits."""
    if i.is_load64:
        return i.imm64 if i.src == 0 else None
    if i.is_alu and i.operation == Alu.MOV and not i.uses_register:
        return i.imm & ((1 << 64) - 1 if i.cls == Class.ALU64 else (1 << 32) - 1)
    return None
