"""Makes a failing program smaller: instructions become no-ops as long as it still fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from hardpath.codegen.chain import moved
from hardpath.codegen.isa import JA, Instruction
from hardpath.codegen.spec import ProgramSpec

NOP = Instruction(JA, 0, 0, 0, 0)


def reduce(program: ProgramSpec, fails: Callable[[ProgramSpec], bool]) -> ProgramSpec:
    """A program of the same length with as many no-ops as possible (big pieces first) that still ``fails``."""
    size = len(program.instructions) // 2
    while size:
        start = 0
        while start < len(program.instructions):
            smaller = _blank(program, start, size)
            if smaller.instructions != program.instructions and fails(smaller):
                program = smaller
            start += size
        size //= 2
    return program


def _blank(program: ProgramSpec, start: int, size: int) -> ProgramSpec:
    code = list(program.instructions)
    for slot in range(start, min(start + size, len(code))):
        if code[slot].is_load64:
            code[slot + 1] = NOP
        if code[slot].opcode:
            code[slot] = NOP
    return with_code(program, code)


def with_code(program: ProgramSpec, code: Sequence[Instruction]) -> ProgramSpec:
    """The program with so many other instructions, and so the programs of its chain."""
    members = {}
    for start, member in program.members.items():
        part = code[start : start + len(member.instructions)]
        members[start] = replace(member, instructions=tuple(moved(i, -start) for i in part))
    return replace(program, instructions=tuple(code), members=members)


def listing(program: ProgramSpec) -> str:
    """The instructions that are left, with their slots."""
    lines = []
    for slot, instruction in enumerate(program.instructions):
        if instruction != NOP and instruction.opcode:
            lines.append(f"{slot:5} {program.place(slot).instruction}")
    return "\n".join(lines)
