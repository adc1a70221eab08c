"""Instructions as text, in the style of llvm-objdump and the kernel's verifier log."""

from __future__ import annotations

from .helper_names import helper_name
from .isa import (
    CALL_REGISTER,
    Alu,
    Atomic,
    Call,
    Class,
    FunctionReference,
    Instruction,
    Jump,
    KernelReference,
    MapReference,
    Mode,
    Poison,
)

_ALU = {
    Alu.ADD: "+=",
    Alu.SUB: "-=",
    Alu.MUL: "*=",
    Alu.DIV: "/=",
    Alu.OR: "|=",
    Alu.AND: "&=",
    Alu.LSH: "<<=",
    Alu.RSH: ">>=",
    Alu.MOD: "%=",
    Alu.XOR: "^=",
    Alu.MOV: "=",
    Alu.ARSH: "s>>=",
}
_COMPARE = {
    Jump.JEQ: "==",
    Jump.JGT: ">",
    Jump.JGE: ">=",
    Jump.JSET: "&",
    Jump.JNE: "!=",
    Jump.JSGT: "s>",
    Jump.JSGE: "s>=",
    Jump.JLT: "<",
    Jump.JLE: "<=",
    Jump.JSLT: "s<",
    Jump.JSLE: "s<=",
}
_ATOMIC = {
    Atomic.ADD: ("+=", "add"),
    Atomic.OR: ("|=", "or"),
    Atomic.AND: ("&=", "and"),
    Atomic.XOR: ("^=", "xor"),
}


def disassemble(instruction: Instruction, slot: int | None = None) -> str:
    """One instruction as a line of text: ``r2 = *(u32 *)(r1 + 4)``, ``if r3 > r2 goto +5``.

    With ``slot`` the targets of subprogram calls are slots of the program, else distances.
    """
    i = instruction
    match i.cls:
        case Class.LD:
            return _load(i)
        case Class.LDX:
            kind = "s" if i.mode == Mode.MEMSX else "u"
            return f"r{i.dst} = {_memory(i, i.src, kind)}"
        case Class.ST:
            return f"{_memory(i, i.dst)} = {i.imm}"
        case Class.STX:
            return _atomic(i) if i.is_atomic else f"{_memory(i, i.dst)} = r{i.src}"
        case Class.ALU | Class.ALU64:
            return _alu(i)
        case _:
            return _jump(i, slot)


def _signed(value: int) -> str:
    return f"+ {value}" if value >= 0 else f"- {-value}"


def _memory(i: Instruction, base: int, kind: str = "u") -> str:
    return f"*({kind}{8 * i.size} *)(r{base} {_signed(i.offset)})"


def _load(i: Instruction) -> str:
    if i.is_load64:
        return f"r{i.dst} = {_immediate64(i)}"
    if i.opcode == 0:
        return "(second slot of a 64-bit immediate)"
    index = f"r{i.src} {_signed(i.imm)}" if i.mode == Mode.IND else f"{i.imm}"
    return f"r0 = *(u{8 * i.size} *)skb[{index}]"


def _immediate64(i: Instruction) -> str:
    match i.reference:
        case MapReference(map=name, offset=None):
            return f"map[{name}]"
        case MapReference(map=name, offset=offset):
            return f"map[{name}][0] + {offset}"
        case FunctionReference(name=name):
            return f"function[{name}]"
    return f"0x{i.imm64 or 0:x} ll"


def _atomic(i: Instruction) -> str:
    source, memory = f"r{i.src}", _memory(i, i.dst)
    address = f"r{i.dst} {_signed(i.offset)}"
    if i.imm == Atomic.XCHG:
        return f"{source} = atomic{8 * i.size}_xchg({address}, {source})"
    if i.imm == Atomic.CMPXCHG:
        return f"r0 = atomic{8 * i.size}_cmpxchg({address}, r0, {source})"
    if i.imm == Atomic.LOAD_ACQUIRE:
        return f"r{i.dst} = load_acquire({_memory(i, i.src)})"
    if i.imm == Atomic.STORE_RELEASE:
        return f"store_release({memory}, {source})"
    sign, name = _ATOMIC[Atomic(i.imm & ~Atomic.FETCH)]
    if i.imm & Atomic.FETCH:
        return f"{source} = atomic{8 * i.size}_fetch_{name}({address}, {source})"
    return f"lock {memory} {sign} {source}"


def _alu(i: Instruction) -> str:
    letter = "r" if i.cls == Class.ALU64 else "w"
    dst = f"{letter}{i.dst}"
    if i.operation == Alu.END:
        name = "bswap" if i.cls == Class.ALU64 else "be" if i.uses_register else "le"
        return f"r{i.dst} = {name}{i.imm} r{i.dst}"
    if i.operation == Alu.NEG:
        return f"{dst} = -{dst}"
    source = f"{letter}{i.src}" if i.uses_register else f"{i.imm}"
    if i.operation == Alu.MOV and i.offset:
        source = f"(s{i.offset}){source}"
    signed = "s" if i.operation in (Alu.DIV, Alu.MOD) and i.offset else ""
    return f"{dst} {signed}{_ALU[Alu(i.operation)]} {source}"


def _jump(i: Instruction, slot: int | None) -> str:
    if i.opcode == CALL_REGISTER:
        return f"callx r{i.dst}"
    if i.is_call:
        if isinstance(i.reference, Poison):
            return "(no instruction: a CO-RE relocation without an answer)"
        if i.src == Call.HELPER:
            return f"call {helper_name(i.imm)}"
        if i.src == Call.KERNEL:
            reference = i.reference
            return f"call {reference.name if isinstance(reference, KernelReference) else f'kernel function {i.imm}'}"
        return f"call {i.imm:+d}" if slot is None else f"call {slot + 1 + i.imm}"
    if i.is_exit:
        return "exit"
    distance = f"{i.distance:+d}"
    if i.is_goto:
        return f"goto {distance}" if i.cls == Class.JMP else f"gotol {distance}"
    if i.operation == Jump.JCOND:
        return f"may_goto {distance}"
    letter = "r" if i.cls == Class.JMP else "w"
    source = f"{letter}{i.src}" if i.uses_register else f"{i.imm}"
    return f"if {letter}{i.dst} {_COMPARE[Jump(i.operation)]} {source} goto {distance}"
