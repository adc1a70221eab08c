"""What generated programs really ran: kinds of instructions and helpers, by name."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hardpath.codegen.helper_names import helper_name
from hardpath.codegen.isa import Alu, Atomic, Class, Instruction, Jump, MapReference, Mode
from hardpath.codegen.spec import ProgramSpec

_FETCHING = (Atomic.ADD, Atomic.OR, Atomic.AND, Atomic.XOR)
_SWAPPED, _DIVIDED = (16, 32, 64), (Alu.DIV, Alu.MOD)


def kinds(program: ProgramSpec, slots: Iterable[int]) -> set[str]:
    """The kinds of the instructions in these slots."""
    return {kind(program.instructions[slot]) for slot in slots}


def kind(i: Instruction) -> str:
    """A name for what must work in the same way: operation, width and signedness, not registers and constants."""
    bits = 64 if i.cls in (Class.ALU64, Class.JMP) else 32
    if i.is_alu:
        return _alu(i, bits)
    if i.is_atomic:
        return _atomic(i.imm, 8 * i.size)
    if i.is_load64:
        return "load a map's address" if isinstance(i.reference, MapReference) else "load 64 bits"
    if i.is_load:
        return _load(8 * i.size, i.mode == Mode.MEMSX)
    if i.is_store:
        return f"store {8 * i.size} bits"
    if i.is_helper_call:
        return f"call {helper_name(i.imm)}"
    if i.is_local_call:
        return "call a subprogram"
    if i.is_goto:
        return "goto" if bits == 64 else "gotol"
    return "exit" if i.is_exit else _jump(Jump(i.operation), bits)


def _alu(i: Instruction, bits: int) -> str:
    op = Alu(i.operation)
    if op == Alu.END:
        way = "bswap" if bits == 64 else "be" if i.uses_register else "le"
        return f"{way} {i.imm}"
    if op == Alu.MOV and i.offset:
        return f"movsx {i.offset} to {bits}"
    source = "by a register" if i.uses_register else "by a constant"
    if op in _DIVIDED:
        return f"{'s' if i.offset else 'u'}{op.name.lower()} {bits} {source}"
    return f"{op.name.lower()} {bits}"


def _atomic(operation: int, bits: int) -> str:
    if operation in (Atomic.XCHG, Atomic.CMPXCHG):
        return f"atomic {Atomic(operation).name.lower()} {bits}"
    fetch = "fetch and " if operation & Atomic.FETCH else ""
    return f"atomic {fetch}{Atomic(operation & ~Atomic.FETCH).name.lower()} {bits}"


def _load(bits: int, signed: bool) -> str:
    return f"load {bits} bits{' signed' if signed else ''}"


def _jump(operation: Jump, bits: int) -> str:
    return f"{operation.name.lower()} {bits}"


def expected() -> Iterator[str]:
    """Every kind of instruction of the groups base32, base64, divmul32, divmul64, atomic32 and atomic64."""
    for bits in (32, 64):
        for op in Alu:
            if op not in (*_DIVIDED, Alu.END):
                yield f"{op.name.lower()} {bits}"
        for op in _DIVIDED:
            for sign in "us":
                yield from (f"{sign}{op.name.lower()} {bits} by a {source}" for source in ("register", "constant"))
        for jump in Jump:
            if jump not in (Jump.JA, Jump.CALL, Jump.EXIT, Jump.JCOND):
                yield _jump(jump, bits)
        for atomic in (*_FETCHING, *(op | Atomic.FETCH for op in _FETCHING), Atomic.XCHG, Atomic.CMPXCHG):
            yield _atomic(atomic, bits)
        yield from (f"movsx {source} to {bits}" for source in (8, 16, 32) if source < bits)
    yield from (f"{way} {bits}" for way in ("le", "be", "bswap") for bits in _SWAPPED)
    yield from (f"store {bits} bits" for bits in (8, 16, 32, 64))
    yield from (_load(bits, signed) for bits in (8, 16, 32, 64) for signed in (False, True) if bits < 64 or not signed)
    yield from ("load 64 bits", "load a map's address", "goto", "gotol", "exit", "call a subprogram")
