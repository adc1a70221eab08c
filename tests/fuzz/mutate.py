"""Programs that may be unsafe: one to three instructions of a program changed, a little or to anything legal."""

from __future__ import annotations

import random
from dataclasses import replace

from hardpath.codegen.isa import Instruction, encoding_problem
from hardpath.codegen.spec import ProgramSpec
from reduce import NOP, with_code

CONDITIONS = (0x10, 0x20, 0x30, 0x50, 0xA0, 0xB0)


def mutate(program: ProgramSpec, rng: random.Random) -> ProgramSpec:
    """Drops instructions, turns conditions around, moves offsets, swaps registers: what bound checks guard against."""
    code = list(program.instructions)
    changeable = [slot for slot, i in enumerate(code) if i.opcode and not i.is_load64]
    for slot in rng.sample(changeable, min(rng.randint(1, 3), len(changeable))):
        changed = _changed(code[slot], rng)
        encodable = abs(changed.imm) < 1 << 31 and abs(changed.offset) < 1 << 15 and not encoding_problem(changed)
        code[slot] = changed if encodable else NOP
    return with_code(program, code)


def _changed(i: Instruction, rng: random.Random) -> Instruction:
    kind = rng.random()
    if i.is_conditional and kind < 0.6:
        return replace(i, opcode=(i.opcode & 0x0F) | rng.choice(CONDITIONS))
    if (i.is_load or i.is_store) and kind < 0.6:
        return replace(i, offset=i.offset + rng.choice((-8, -4, -1, 1, 4, 8, 40)))
    if i.is_alu and not i.uses_register and kind < 0.5:
        return replace(i, imm=i.imm + rng.choice((-4, -1, 1, 4, 16)))
    if i.is_alu and i.uses_register and kind < 0.3:
        return replace(i, src=rng.randrange(10))
    return NOP


def corrupt(program: ProgramSpec, rng: random.Random) -> ProgramSpec:
    """One to three instructions changed into any other legal encodings."""
    code = list(program.instructions)
    for _ in range(rng.choice((1, 1, 2, 3))):
        while True:
            slot = rng.randrange(len(code))
            old = code[slot]
            new = rng.choice(
                (
                    replace(old, imm=rng.choice((old.imm + 1, old.imm - 1, 0, rng.randrange(-64, 64)))),
                    replace(old, offset=rng.choice((old.offset + 1, old.offset - 1, old.offset + 8, 0))),
                    replace(old, dst=rng.randrange(11)),
                    replace(old, src=rng.randrange(11)),
                    replace(old, opcode=old.opcode ^ rng.choice((0x10, 0x20, 0x40, 0x80, 8, 3))),
                    NOP,
                    rng.choice(code),
                )
            )
            wide = any(not i.opcode or i.is_load64 for i in (old, new))
            grown = (new.is_call and not old.is_call) or abs(new.imm) >= 1 << 31 or abs(new.offset) >= 1 << 15
            if new != old and not wide and not grown and not encoding_problem(new):
                code[slot] = new
                break
    return with_code(program, code)
