"""Random XDP programs that Linux's verifier mostly accepts.

What the generator writes is well typed, because it knows at every instruction which registers hold numbers on all
paths and how many bytes of the frame have been checked (`writer`); what a program computes is arbitrary. Before it
ends, it writes what it computed into the frame, so that a wrong bit anywhere shows. The kinds of statements are
`rules.RULES`, written in the modules of `statements`.
"""

from __future__ import annotations

import random
from dataclasses import replace

from assembler import FP
from hardpath.codegen.chain import chained
from hardpath.codegen.flow import maps_of
from hardpath.codegen.isa import Alu, MapReference
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from map_kinds import ARRAYS_OF_PROGRAMS, random_maps
from rules import statement
from statements import calls, chains, control, events, frame, helpers, maps, memory, numbers  # noqa: F401 - they add their rules
from writer import NUMBERS, Features, Function, Label, State, Writer

__all__ = ["Features", "generate"]


def generate(seed: int, features: Features | None = None) -> tuple[ProgramSpec, dict[str, MapSpec]]:
    """The program of a seed, linked with those it may go on with by tail calls, and its maps."""
    rng, features = random.Random(seed), features or Features()
    specs = random_maps(rng)
    programs = [_program(rng, f"fuzz_{seed}", specs, features, 0)]
    for level, array in enumerate(ARRAYS_OF_PROGRAMS):
        if any(array in _maps_of(program) for program in programs):
            few, names = replace(features, statements=features.statements // 3), {}
            for index in range(rng.randint(1, specs[array].max_entries)):
                names[index] = f"next_{level}_{index}"
                programs.append(_program(rng, names[index], specs, few, level + 1))
            specs[array] = replace(specs[array], slots=names)
    whole = chained(ObjectSpec("fuzz.o", tuple(programs), specs), programs[0])
    return whole, maps_of(whole, specs)


def _maps_of(program: ProgramSpec) -> set[str]:
    return {i.reference.map for i in program.instructions if isinstance(i.reference, MapReference)}


def _program(
    rng: random.Random, name: str, specs: dict[str, MapSpec], features: Features, level: int
) -> ProgramSpec:
    """One program; ``level`` tail calls lead to it."""
    w = Writer(rng, specs, features, statement, level)
    names = {0: name}
    _main(w)
    for number, function in enumerate(w.functions):  # those found on the way are at its end
        names[w.a.slot] = f"function_{number}"
        _function(w, function)
    return ProgramSpec(name, "xdp", w.a.finish(), names, license="GPL")


def _main(w: Writer) -> None:
    a, rng = w.a, w.rng
    a.move(w.ctx, src=1)
    _begin(w)
    for register in (w.number, w.extra):
        a.constant(register, rng.getrandbits(64))
    w.reload()
    w.block(rng.randint(3, w.features.statements))
    _show_results(w)
    _verdict(w)
    a.place(w.leave)
    a.move(0, imm=rng.randrange(5))
    a.exit()


def _begin(w: Writer) -> None:
    """Numbers on the stack and in registers."""
    for slot in range(-NUMBERS, 0, 8):
        w.a.store(8, FP, slot, imm=w.immediate())
    w.state = State({w.number, w.extra})


def _function(w: Writer, function: Function) -> None:
    a = w.a
    w.take_roles()
    w.function, w.lent, w.leave = function, function.lent, Label()
    w.depth = function.depth
    a.place(function.label)
    if function.each:
        a.load(4, w.number, 2, 0)
    else:
        a.move(w.number, src=1)
    if not function.callback:
        a.move(w.ctx, src=2)
    for register, lent in enumerate(function.lent, 2 if function.callback and not function.each else 3):
        a.store(8, FP, lent.slot, src=register)
    a.move(w.extra, imm=w.immediate())
    _begin(w)
    if not function.callback:
        w.reload()
    w.block(w.rng.randint(1, 6))
    _show_results(w)
    a.place(w.leave)
    a.move(0, src=w.number)
    if function.callback:
        a.alu(Alu.AND, 0, imm=1)  # goes on, or enough
    a.exit()


def _show_results(w: Writer) -> None:
    """Everything computed goes into the frame, as far as the frame goes."""
    a = w.a
    registers = sorted(w.state.numbers)
    for register in registers[1:]:
        a.alu(Alu.MUL if w.rng.random() < 0.1 else Alu.ADD, registers[0], src=register)
    scratch = next(r for r in range(6) if r != registers[0])
    for slot in range(-NUMBERS, 0, 8):
        a.load(8, scratch, FP, slot)
        a.alu(Alu.XOR, registers[0], src=scratch)
    w.state.numbers = {registers[0]}
    if w.state.checked >= 8:
        a.store(8, w.frame, w.rng.randrange(w.state.checked - 7), src=registers[0])


def _verdict(w: Writer) -> None:
    a, rng = w.a, w.rng
    kind = rng.random()
    if kind < 0.6:
        a.move(0, imm=rng.choice((2, 2, 3, 3, 1, 0, 4)))
    else:
        a.move(0, src=w.any_number())
        if kind > 0.95:  # only the lower half counts
            a.alu(Alu.LSH, 0, imm=31)
            a.alu(Alu.OR, 0, imm=2)
        else:
            a.alu(Alu.AND, 0, imm=3 if kind < 0.9 else 7)
    a.exit()
