"""What BPF's arithmetic, comparisons, byte swaps and atomic operations compute (RFC 9669 sections 4 and 5.3).

Registers are unsigned 64-bit numbers. Functions take operands already cut to the operation's width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..codegen.isa import Alu, Atomic, Class, Instruction, Jump

U64 = (1 << 64) - 1


def signed(value: int, bits: int) -> int:
    """The low ``bits`` bits as a two's complement number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def _signed_divide(a: int, b: int, bits: int) -> int:
    """Rounds towards zero; division by zero gives 0 (RFC 9669 section 4.1)."""
    a, b = signed(a, bits), signed(b, bits)
    if b == 0:
        return 0
    quotient = abs(a) // abs(b)
    return quotient if (a < 0) == (b < 0) else -quotient


def _signed_modulo(a: int, b: int, bits: int) -> int:
    """The sign is the dividend's; modulo zero gives the dividend."""
    a, b = signed(a, bits), signed(b, bits)
    if b == 0:
        return a
    return abs(a) % abs(b) * (-1 if a < 0 else 1)


_BINARY: Mapping[int, Callable[[int, int, int], int]] = {
    Alu.ADD: lambda a, b, bits: a + b,
    Alu.SUB: lambda a, b, bits: a - b,
    Alu.MUL: lambda a, b, bits: a * b,
    Alu.DIV: lambda a, b, bits: a // b if b else 0,
    Alu.OR: lambda a, b, bits: a | b,
    Alu.AND: lambda a, b, bits: a & b,
    Alu.LSH: lambda a, b, bits: a << (b & (bits - 1)),
    Alu.RSH: lambda a, b, bits: a >> (b & (bits - 1)),
    Alu.NEG: lambda a, b, bits: -a,
    Alu.MOD: lambda a, b, bits: a % b if b else a,
    Alu.XOR: lambda a, b, bits: a ^ b,
    Alu.MOV: lambda a, b, bits: b,
    Alu.ARSH: lambda a, b, bits: signed(a, bits) >> (b & (bits - 1)),
}
_SIGNED = {Alu.DIV: _signed_divide, Alu.MOD: _signed_modulo}

_CONDITIONS: Mapping[int, Callable[[int, int, int], bool]] = {
    Jump.JEQ: lambda a, b, bits: a == b,
    Jump.JGT: lambda a, b, bits: a > b,
    Jump.JGE: lambda a, b, bits: a >= b,
    Jump.JSET: lambda a, b, bits: a & b != 0,
    Jump.JNE: lambda a, b, bits: a != b,
    Jump.JSGT: lambda a, b, bits: signed(a, bits) > signed(b, bits),
    Jump.JSGE: lambda a, b, bits: signed(a, bits) >= signed(b, bits),
    Jump.JLT: lambda a, b, bits: a < b,
    Jump.JLE: lambda a, b, bits: a <= b,
    Jump.JSLT: lambda a, b, bits: signed(a, bits) < signed(b, bits),
    Jump.JSLE: lambda a, b, bits: signed(a, bits) <= signed(b, bits),
}

_ATOMIC: Mapping[int, Callable[[int, int], int]] = {
    Atomic.ADD: lambda old, operand: old + operand,
    Atomic.OR: lambda old, operand: old | operand,
    Atomic.AND: lambda old, operand: old & operand,
    Atomic.XOR: lambda old, operand: old ^ operand,
    Atomic.XCHG & ~Atomic.FETCH: lambda old, operand: operand,
}


def alu(i: Instruction, dst: int, src: int) -> int:
    """The new value of ``dst``; ``src`` is the second operand, immediates sign-extended (4.1, 4.2)."""
    bits = 64 if i.cls == Class.ALU64 else 32
    mask = (1 << bits) - 1
    if i.operation == Alu.END:
        return _swap(i, dst)
    if i.operation == Alu.MOV and i.offset:
        return signed(src, i.offset) & mask
    operation = _SIGNED[Alu(i.operation)] if i.offset == 1 else _BINARY[i.operation]
    return operation(dst & mask, src & mask, bits) & mask


def _swap(i: Instruction, value: int) -> int:
    """ALU: to little endian (which only cuts, as this machine is) or big endian; ALU64: always swaps."""
    size = i.imm // 8
    data = (value & ((1 << i.imm) - 1)).to_bytes(size, "little")
    return int.from_bytes(data, "big" if i.cls == Class.ALU64 or i.uses_register else "little")


def condition(i: Instruction, dst: int, src: int) -> bool:
    """Whether a conditional jump is taken (4.3)."""
    bits = 64 if i.cls == Class.JMP else 32
    mask = (1 << bits) - 1
    return _CONDITIONS[i.operation](dst & mask, src & mask, bits)


def atomic(operation: int, old: int, operand: int) -> int:
    """The new memory contents, to be cut to the access's size, of an ``Atomic`` other than CMPXCHG (5.3)."""
    return _ATOMIC[operation & ~Atomic.FETCH](old, operand)
