"""A stack for programs in Linux that is zero where the program never wrote it, as the hardware's is.

Each function begins with stores of zeros to as much of its stack as it may use. What bytes of the stack Linux leaves
undefined (decision 012) is then the same there and here, and all that comes of them can be compared.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

from ..codegen.isa import FRAME_POINTER, Alu, Class, FunctionReference, Instruction, Mode, writes
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
    r10 and copies of it plus constants, followed in the order of the code."""
    lowest, pointers = 0, {FRAME_POINTER: 0}
    for i in function:
        at = pointers.get(i.src if i.is_load else i.dst)
        if i.cls == Class.ALU64 and i.operation == Alu.ADD and not i.uses_register and at is not None:
            pointers[i.dst] = at + i.imm
            lowest = min(lowest, pointers[i.dst])
        elif i.cls == Class.ALU64 and i.operation == Alu.MOV and i.uses_register and i.src in pointers:
            pointers[i.dst] = pointers[i.src]
        else:
            if at is not None and (i.is_load or i.cls in (Class.ST, Class.STX)):
                lowest = min(lowest, at + i.offset)
            for register in writes(i):
                pointers.pop(register, None)
    return -(max(lowest, -STACK_BYTES) // _WORD) * _WORD
