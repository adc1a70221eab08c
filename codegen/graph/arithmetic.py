"""BPF's arithmetic and comparisons (RFC 9669 sections 4.1 to 4.3) on 64-bit nodes."""

from __future__ import annotations

from collections.abc import Callable

from ..isa import Alu, Class, Instruction, Jump
from ..verify.result import Scalar
from .construct import Construct
from .ir import Node

_PLAIN = {Alu.ADD: "add", Alu.SUB: "sub", Alu.MUL: "mul", Alu.OR: "or", Alu.AND: "and", Alu.XOR: "xor"}
_SHIFTS = {Alu.LSH: "shl", Alu.RSH: "lshr", Alu.ARSH: "ashr"}


def narrow(c: Construct, node: Node, fact: Scalar) -> Node:
    """The same number with the bits that verification knows to be zero cut off."""
    if fact.constant is not None:
        return c.const(fact.constant, 64)
    bits = max(1, min(fact.umax, fact.value | fact.mask).bit_length())
    if node.op == "const" or bits >= node.width or (node.op == "zext" and node.args[0].width <= bits):
        return node
    return c.zext(c.slice(node, 0, bits), node.width)


def alu(c: Construct, i: Instruction, a: Node, b: Node) -> Node:
    """The result of an ALU or ALU64 instruction, 64 bits."""
    wide = i.cls == Class.ALU64
    operation = Alu(i.operation)
    if operation == Alu.END:
        return _byte_order(c, i, a)
    width = 64 if wide else 32
    a, b = c.slice(a, 0, width), c.slice(b, 0, width)
    if operation == Alu.MOV:
        result = c.sext(c.slice(b, 0, i.offset), width) if i.offset and i.offset < width else b
    elif operation in _PLAIN:
        result = c.op(_PLAIN[operation], width, a, b)
    elif operation in _SHIFTS:
        result = c.op(_SHIFTS[operation], width, a, c.slice(b, 0, 6 if wide else 5))
    elif operation == Alu.NEG:
        result = c.sub(c.const(0, width), a)
    else:
        signed = "s" if i.offset else "u"
        result = c.op(signed + ("div" if operation == Alu.DIV else "rem"), width, a, b)
    return c.zext(result, 64)


def _byte_order(c: Construct, i: Instruction, a: Node) -> Node:
    """ALU64: bswap; ALU: to little endian (which this machine is) or to big endian."""
    low = c.slice(a, 0, i.imm)
    if i.cls == Class.ALU64 or i.uses_register:
        low = c.concat([c.slice(low, 8 * k, 8) for k in reversed(range(i.imm // 8))])
    return c.zext(low, 64)


def compare(c: Construct, i: Instruction, a: Node, b: Node) -> Node:
    """The condition of a jump between numbers, 1 bit."""
    if i.cls == Class.JMP32:
        a, b = c.slice(a, 0, 32), c.slice(b, 0, 32)
    if i.operation == Jump.JSET:
        both = c.and_(a, b)
        return c.not_(c.eq(both, c.const(0, both.width)))
    return _relation(c, i.operation, a, b, c.ult)


def _relation(c: Construct, operation: int, a: Node, b: Node, less: Callable[[Node, Node], Node]) -> Node:
    match operation:
        case Jump.JEQ:
            return c.eq(a, b)
        case Jump.JNE:
            return c.not_(c.eq(a, b))
        case Jump.JLT:
            return less(a, b)
        case Jump.JGE:
            return c.not_(less(a, b))
        case Jump.JGT:
            return less(b, a)
        case Jump.JLE:
            return c.not_(less(b, a))
        case Jump.JSLT:
            return c.slt(a, b)
        case Jump.JSGE:
            return c.not_(c.slt(a, b))
        case Jump.JSGT:
            return c.slt(b, a)
        case _:
            return c.not_(c.slt(b, a))


def compare_offsets(
    c: Construct, operation: int, a: Node, b: Node, a_range: tuple[int, int], b_range: tuple[int, int]
) -> Node:
    """Compare two pointers of one region by their offsets (two's complement), each in its range (inclusive)."""
    low, high = min(a_range[0], b_range[0]), max(a_range[1], b_range[1])
    bits = max(low.bit_length(), high.bit_length()) + 1
    if bits < 64:
        a, b = c.slice(a, 0, bits), c.slice(b, 0, bits)
    if low >= 0:
        return _relation(c, operation, a, b, c.ult)
    return _relation(c, operation, a, b, c.slt)
