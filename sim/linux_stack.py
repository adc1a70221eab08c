"""A stack for programs in Linux that is zero where the program never wrote it, as the hardware's is.

Each function begins with stores of zeros to as much of its stack as it may use. What bytes of the stack Linux leaves
undefined (decision 012) is then the same there and here, and all that comes of them can be compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ..codegen.isa import FRAME_POINTER, Alu, Class, FunctionReference, Instruction, Mode
from ..codegen.spec import ProgramSpec

STACK_BYTES = 512
_WORD = 8
_STORE = Class.ST | Mode.MEM | 0x18  # of 8 bytes


def with_zero_stack(program: ProgramSpec) -> ProgramSpec:
    """The program with these stores. For a chain give each of its parts."""
    code: list[Instruction] = []
    starts = [*sorted(program.functions), len(program.instructions)]
    entries: dict[int, int] = {}  # first slot of a function, before and now
    moved: dict[int, int] = {}  # the same for all slots
    for start, end in itertools.pairwise(starts):
        entries[start] = len(code)
        function = program.instructions[start:end]
        code += [Instruction(_STORE, FRAME_POINTER, 0, -at, 0) for at in range(_WORD, _used(function) + 1, _WORD)]
        moved |= dict(zip(range(start, end), itertools.count(len(code)), strict=False))
        code += function
    for slot, now in moved.items():
        i = program.instructions[slot]
        if i.is_local_call:
            code[now] = replace(i, imm=entries[slot + 1 + i.imm] - now - 1)
        elif isinstance(i.reference, FunctionReference):
            code[now] = replace(i, reference=replace(i.reference, slot=entries[i.reference.slot]))
    functions = {entries[start]: name for start, name in program.functions.items()}
    lines = {moved[slot]: line for slot, line in program.lines.items()}
    return replace(program, instructions=tuple(code), functions=functions, lines=lines)


def _used(function: Sequence[Instruction]) -> int:
    """Bytes of stack that a function may use, in whole words: Linux adds them up over the calls. Pointers into it are
    r10, or made from it with a constant."""
    lowest = 0
    for i in function:
        if i.cls == Class.ALU64 and i.operation == Alu.ADD and not i.uses_register and i.imm >= -STACK_BYTES:
            lowest = min(lowest, i.imm)
        elif (i.is_load and i.src == FRAME_POINTER) or (i.cls in (Class.ST, Class.STX) and i.dst == FRAME_POINTER):
            lowest = min(lowest, i.offset)
    return -(lowest // _WORD) * _WORD
