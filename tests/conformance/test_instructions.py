"""Every arithmetic, jump and atomic instruction with operands that only the hardware sees, against the interpreter."""

import itertools
import random
import shutil
import struct

import pytest
from assembler import FP, Assembler, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from hardpath.codegen.spec import MapSpec, ProgramSpec
from hardpath.sim import raw, raw_hardware
from hardpath.sim.arithmetic import atomic

needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="Icarus Verilog (iverilog) is not installed")
BATCH = 20
MAPS = {"cell": MapSpec("cell", type=2, key_size=4, value_size=8, max_entries=1)}

CORNERS = (
    0,
    1,
    2,
    7,
    31,
    32,
    63,
    64,
    1 << 31,
    (1 << 31) - 1,
    (1 << 32) - 1,
    1 << 63,
    (1 << 63) - 1,
    -1,
    -7,
    -(1 << 31),
)
IMMEDIATES = (-(1 << 31), -7, 0, 3, 33)
ARITHMETIC = (Alu.ADD, Alu.SUB, Alu.MUL, Alu.DIV, Alu.OR, Alu.AND, Alu.LSH, Alu.RSH, Alu.MOD, Alu.XOR, Alu.ARSH)
CONDITIONS = tuple(op for op in Jump if op not in (Jump.JA, Jump.CALL, Jump.EXIT, Jump.JCOND))
ATOMICS = (
    *(op | fetch for op in (Atomic.ADD, Atomic.OR, Atomic.AND, Atomic.XOR) for fetch in (0, Atomic.FETCH)),
    Atomic.XCHG,
    Atomic.CMPXCHG,
)


OVERFLOWS = ((1 << 63, -1), (-(1 << 31), -1), (1 << 31, (1 << 32) - 1), (-7, 0), (7, 1 << 32), (1 << 32, 7))


def operands(count=48):
    """Memories of three numbers: those that division must take care of, then corners, then random ones."""
    choose = random.Random(1)
    kinds = (lambda: choose.choice(CORNERS), lambda: choose.getrandbits(64), lambda: choose.getrandbits(8))
    triples = [(a, b, a) for a, b in OVERFLOWS]
    triples += [tuple(choose.choice(kinds)() for _ in range(3)) for _ in range(count)]
    return [struct.pack("<3Q", *(n & (1 << 64) - 1 for n in triple)) for triple in triples]


def program(name, write):
    """r3 and r4 are the first two numbers, r5 the third; ``write`` leaves the result in r0."""
    a = Assembler()
    for number, register in enumerate((3, 4, 5)):
        a.load(8, register, 1, 8 * number)
    write(a)
    a.exit()
    return ProgramSpec(name, "raw", a.finish(), {0: name}, type="raw", memory=24)


def unary(change):
    def write(a):
        change(a)
        a.move(0, src=3)

    return write


def jump(op, **second):
    def write(a):
        taken = Label()
        a.move(0, imm=1)
        a.jump(op, taken, 3, **second)
        a.move(0, imm=0)
        a.place(taken)

    return write


def arithmetic_programs():
    for bits in (32, 64):
        for op in ARITHMETIC:
            for offset in (0, 1) if op in (Alu.DIV, Alu.MOD) else (0,):
                name = f"{'s' if offset else ''}{op.name.lower()}{bits}"
                yield program(name, unary(lambda a, o=op, b=bits, x=offset: a.alu(o, 3, src=4, bits=b, offset=x)))
                for imm in IMMEDIATES:
                    write = unary(lambda a, o=op, b=bits, x=offset, i=imm: a.alu(o, 3, imm=i, bits=b, offset=x))
                    yield program(f"{name} {imm}", write)
        yield program(f"neg{bits}", unary(lambda a, b=bits: a.alu(Alu.NEG, 3, bits=b)))
        for offset in (0, 8, 16, 32)[: 3 if bits == 32 else 4]:
            write = unary(lambda a, b=bits, x=offset: a.alu(Alu.MOV, 3, src=4, bits=b, offset=x))
            yield program(f"mov{bits} from {offset}", write)
    for kind in ("le", "be", "bswap"):
        for bits in (16, 32, 64):
            yield program(f"{kind}{bits}", unary(lambda a, b=bits, k=kind: a.swap(3, b, k)))
    for size in (1, 2, 4):
        yield program(f"ldxs {size}", unary(lambda a, s=size: a.load(s, 3, 1, 8 - s, signed=True)))


def jump_programs():
    for bits in (32, 64):
        for op in CONDITIONS:
            yield program(f"{op.name.lower()}{bits}", jump(op, src=4, bits=bits))
            for imm in IMMEDIATES:
                yield program(f"{op.name.lower()}{bits} {imm}", jump(op, imm=imm, bits=bits))


def atomic_program(place, op, size, asked):
    """r0 is what the memory holds afterwards, or what the instruction fetched (compared with: the third number)."""

    def write(a):
        base, offset = {"stack": (FP, -8), "memory": (1, 0), "map": (6, 0)}[place]
        if place == "stack":
            a.store(8, FP, -8, src=3)
        if place == "map":
            a.map(6, "cell", 0)
        a.move(0, src=5)
        a.atomic(op, size, base, offset, 4)
        if asked == "memory":
            a.load(8, 0, base, offset)
        elif op != Atomic.CMPXCHG:
            a.move(0, src=4)

    return program(f"atomic 0x{op:02x} of {size} bytes of {place}: {asked}", write)


ATOMIC_CASES = list(itertools.product(ATOMICS, (4, 8), ("memory", "fetched")))
PLAIN = [
    *arithmetic_programs(),
    *jump_programs(),
    *(atomic_program(place, *case) for place in ("stack", "memory") for case in ATOMIC_CASES),
]
MAPPED = [atomic_program("map", *case) for case in ATOMIC_CASES]


def results_on_map(op, size, asked, memories):
    """What the programs on the map's cell give, which lives on from one memory to the next."""
    cell, mask, results = 0, (1 << 8 * size) - 1, []
    for memory in memories:
        _, operand, compared = struct.unpack("<3Q", memory)
        old = cell & mask
        if op == Atomic.CMPXCHG:
            new = operand & mask if old == compared & mask else old
        else:
            new = atomic(op, old, operand) & mask
        cell = cell & ~mask | new
        fetched = old if op == Atomic.CMPXCHG or op & Atomic.FETCH else operand
        results.append(cell if asked == "memory" else fetched)
    return results


def expected(memories):
    """Program name -> results."""
    results = {p.name: [raw.interpret(p, memory) for memory in memories] for p in PLAIN}
    for p, case in zip(MAPPED, ATOMIC_CASES, strict=True):
        results[p.name] = results_on_map(*case, memories)
    return results


def test_graph_is_the_interpreter():
    memories = operands()
    wanted = expected(memories)
    for p in (*PLAIN, *MAPPED):
        assert raw.evaluate(raw.compile_raw(p, MAPS), memories) == wanted[p.name], p.name


def hardware_is_the_interpreter(programs):
    memories = operands()
    wanted = expected(memories)
    for start in range(0, len(programs), BATCH):
        batch = programs[start : start + BATCH]
        found = raw_hardware.simulate([(raw.compile_raw(p, MAPS), memories) for p in batch])
        assert {p.name: r for p, r in zip(batch, found, strict=True)} == {p.name: wanted[p.name] for p in batch}


@needs_icarus
def test_hardware_is_the_interpreter_for_a_sample():
    hardware_is_the_interpreter([*PLAIN[::40], *MAPPED[::7]])


@pytest.mark.slow
@needs_icarus
def test_hardware_is_the_interpreter():
    immediate = [p for p in PLAIN if p.name.rpartition(" ")[2].lstrip("-").isdigit()]
    registers = [p for p in PLAIN if p not in immediate]
    hardware_is_the_interpreter([*registers, *immediate[::3], *MAPPED])
