"""A clock for programs in Linux that tells what it is told to: the arrival time of the frame, as the hardware has it.

Each call of a helper that tells the time becomes a call of a function at the end of the program, which reads what the
helper would answer from a map. Registers and verification are as for the helper: r0 is any number, r1 to r5 are gone.
"""

from __future__ import annotations

from dataclasses import replace

from ..codegen.isa import EXIT, LD_IMM64, Call, Class, Instruction, MapReference, Mode
from ..codegen.spec import MapSpec, ProgramSpec
from ..hdl.helpers.clock import Clock
from ..hdl.helpers.registry import HELPERS

CLOCKS = tuple(helper for _, helper in sorted(HELPERS.items()) if isinstance(helper, Clock))

CLOCK_MAP = MapSpec("set clock", 2, 4, 8 * len(CLOCKS), 1)
"""An array with one value: what each of `CLOCKS` answers, 8 bytes. No program has a map with such a name."""

_SIZE_8 = 0x18


def readings(time_ns: int) -> bytes:
    """The value of `CLOCK_MAP` at a time."""
    return b"".join(clock.at(time_ns).to_bytes(8, "little") for clock in CLOCKS)


def uses_clock(program: ProgramSpec) -> bool:
    """Whether the program, or one that it may go on with, asks for the time."""
    return any(_clock(i) is not None for part in program.parts for i in part.instructions)


def with_set_clock(program: ProgramSpec) -> ProgramSpec:
    """The program with `CLOCK_MAP` instead of Linux's clock. For a chain give each of its parts."""
    code, functions = list(program.instructions), dict(program.functions)
    added: dict[int, int] = {}  # the number of the clock -> its function
    for slot, i in enumerate(program.instructions):
        number = _clock(i)
        if number is None:
            continue
        if number not in added:
            added[number] = len(code)
            functions[len(code)] = CLOCKS[number].name
            code += _reading(8 * number)
        # Calls of helpers and of functions have one opcode.
        code[slot] = replace(i, src=Call.LOCAL, imm=added[number] - slot - 1)
    return replace(program, instructions=tuple(code), functions=functions)


def _clock(i: Instruction) -> int | None:
    """Which of `CLOCKS` an instruction asks."""
    helper = HELPERS.get(i.imm) if i.is_helper_call else None
    return CLOCKS.index(helper) if isinstance(helper, Clock) else None


def _reading(offset: int) -> tuple[Instruction, ...]:
    """A function that returns 8 bytes of `CLOCK_MAP`."""
    return (
        Instruction(LD_IMM64, 0, 0, 0, 0, 0, MapReference(CLOCK_MAP.name, offset)),
        Instruction(0, 0, 0, 0, 0),
        Instruction(Class.LDX | Mode.MEM | _SIZE_8, 0, 0, 0, 0),
        Instruction(EXIT, 0, 0, 0, 0),
    )
