"""ALU instructions on numbers and pointers."""

from __future__ import annotations

from collections.abc import Callable

from ..isa import Alu, Class, Instruction
from .arithmetic import add, binary, byte_swap, sign_extend, sub
from .failure import Category, Failure, Unbuildable, address_dependent
from .memory import MAX_OFFSET, readable
from .number import M32, S64_MIN, ZERO, Number, between, constant, signed, truncate
from .result import Kind
from .state import State
from .values import FRAME_KINDS, PACKET_KINDS, UNDEFINED, Num, Ptr, Unusable, both_in_frame, scalar

LONGEST = 0xFFFF
"""MAX_PACKET_OFF: no frame is longer, so data_end - data is at most this."""


def execute(state: State, i: Instruction, fresh: Callable[[], int]) -> None:
    """An ALU or ALU64 instruction; ``fresh`` makes new ids."""
    width = 64 if i.cls == Class.ALU64 else 32
    if i.operation == Alu.MOV:
        _move(state, i, width, fresh)
        return
    if state.memory is None:
        _check_immediate(i, width)
    read = low_half if i.operation == Alu.SUB and width == 32 else readable
    a = read(state, i.dst)
    if i.operation in (Alu.NEG, Alu.END):
        if isinstance(a, Ptr):
            raise address_dependent(f"{Alu(i.operation).name} of r{i.dst}, a {a.kind.value} pointer")
        if i.operation == Alu.END:
            # On a little-endian machine "to little endian" only truncates.
            swap = i.cls == Class.ALU64 or i.uses_register
            state.set(i.dst, scalar(byte_swap(a.number, i.imm, swap)))
        else:
            state.set(i.dst, scalar(binary(Alu.SUB, ZERO, a.number, width)))
        return
    b: Num | Ptr = read(state, i.src) if i.uses_register else scalar(constant(i.imm))
    if isinstance(a, Num) and isinstance(b, Num):
        state.set(i.dst, _numbers(i, a, b, width, fresh))
    elif isinstance(a, Ptr) and isinstance(b, Ptr):
        # To Linux a stale pointer is a number without bounds, which no pointer gets along with.
        if i.operation != Alu.SUB or (width == 64 and a.stale != b.stale):
            raise _prohibited(i, b, i.src) if a.stale else _prohibited(i, a, i.dst)
        state.set(i.dst, scalar(truncate(_distance(state, a, b), width)))
    elif width == 32:
        if i.operation == Alu.SUB:  # Linux lets a privileged program do that
            raise address_dependent("a 32-bit subtraction of a pointer and a number")
        pointer, register = (a, i.dst) if isinstance(a, Ptr) else (b, i.src)
        assert isinstance(pointer, Ptr)
        raise _prohibited(i, pointer, register)
    elif isinstance(a, Ptr) and isinstance(b, Num):
        state.set(i.dst, _moved(i, a, b.number, i.dst, fresh))
    elif isinstance(a, Num) and isinstance(b, Ptr):
        if i.operation != Alu.ADD:
            raise _prohibited(i, b, i.src)
        state.set(i.dst, _moved(i, b, a.number, i.src, fresh))


def low_half(state: State, register: int) -> Num | Ptr:
    """A register of which an instruction uses only the low 32 bits, such as one half of a pointer difference."""
    value = state.get(register)
    return value._replace(half=False) if isinstance(value, Ptr) and value.half else readable(state, register)


def _check_immediate(i: Instruction, width: int) -> None:
    """Linux accepts no constant that C gives no meaning (RFC 9669 does)."""
    if i.uses_register:
        return
    if i.operation in (Alu.LSH, Alu.RSH, Alu.ARSH) and not 0 <= i.imm < width:
        problem = f"a shift of {width} bits by {i.imm}"
    elif i.operation in (Alu.DIV, Alu.MOD) and not i.imm:
        problem = "a division by the constant 0"
    else:
        return
    raise Failure(Category.INSTRUCTION, problem, "correct the constant; C leaves such an operation undefined")


def _move(state: State, i: Instruction, width: int, fresh: Callable[[], int]) -> None:
    if not i.uses_register:
        state.set(i.dst, scalar(constant(i.imm if width == 64 else i.imm & M32)))
        return
    value = state.get(i.src)
    is_half = isinstance(value, Ptr) and value.half
    if i.offset or not (is_half or value == UNDEFINED):  # those may be moved on
        value = readable(state, i.src)
    if isinstance(value, Unusable):
        state.set(i.dst, value)
        return
    if isinstance(value, Ptr):
        if i.offset or (width == 32 and value.kind not in FRAME_KINDS):
            raise address_dependent(f"a part of the pointer in r{i.src} is copied")
        state.set(i.dst, value._replace(half=is_half or width == 32))
        return
    number = sign_extend(value.number, i.offset) if i.offset else value.number
    number = number if width == 64 else truncate(number, 32)
    if number != value.number:
        state.set(i.dst, scalar(number))
        return
    if not value.id and not number.is_constant:
        value = Num(number, fresh())
        state.set(i.src, value)
    state.set(i.dst, value)


def _numbers(i: Instruction, a: Num, b: Num, width: int, fresh: Callable[[], int]) -> Num:
    if i.uses_register and i.dst == i.src and i.operation in (Alu.SUB, Alu.XOR):
        return scalar(ZERO)
    number = binary(i.operation, a.number, b.number, width, i.offset == 1)
    distance = b.number.constant
    if width == 64 and a.id and distance is not None and i.operation in (Alu.ADD, Alu.SUB):
        delta = a.delta + (distance if i.operation == Alu.ADD else -distance)
        return Num(number, a.id, delta & (1 << 64) - 1)
    return scalar(number)


_MOVABLE = (Kind.CTX, Kind.STACK, Kind.MAP_VALUE, Kind.MEMORY, Kind.RECORD, Kind.MAP_KEY, *PACKET_KINDS)


def _moved(i: Instruction, p: Ptr, by: Number, register: int, fresh: Callable[[], int]) -> Ptr:
    """A pointer plus or minus a number, within Linux's limits (check_reg_sane_offset)."""
    if p.maybe_null:
        raise Failure(
            Category.NULL,
            f"arithmetic on r{register}, the result of a lookup in map {p.map} that may be NULL",
            "test the result first: if (!value) return XDP_ABORTED;",
            register,
        )
    subtract = i.operation == Alu.SUB
    if i.operation not in (Alu.ADD, Alu.SUB) or p.kind not in _MOVABLE or (subtract and p.kind == Kind.STACK):
        raise _prohibited(i, p, register)
    number_register = i.src if register == i.dst else i.dst
    if not p.stale and not -MAX_OFFSET < by.smin < MAX_OFFSET:
        least = "no lower bound" if by.smin == S64_MIN else f"the lower bound {by.smin}"
        raise Failure(
            Category.ARITHMETIC,
            f"a number with {least} is added to or subtracted from a {p.kind.value} pointer",
            "bound the number first: use an unsigned type and mask it or compare it with its limit",
            number_register,
        )
    distance = by.constant
    if distance is not None:
        moved = p._replace(offset=p.offset + (-signed(distance) if subtract else signed(distance)))
    else:
        variable = sub(p.variable, by) if subtract else add(p.variable, by)
        moved = p._replace(variable=variable, id=fresh() if p.kind in PACKET_KINDS and not p.stale else p.id)
    if not -MAX_OFFSET < moved.offset < MAX_OFFSET or not -MAX_OFFSET < moved.variable.smin < MAX_OFFSET:
        if p.stale:
            raise address_dependent(f"r{register} is a packet pointer with a number that has no bounds added")
        raise Failure(
            Category.ARITHMETIC,
            f"the {p.kind.value} pointer may be more than 2^29 bytes off",
            "bound the number first: use an unsigned type and mask it or compare it with its limit",
            register,
            number_register,
        )
    return moved


def _distance(state: State, a: Ptr, b: Ptr) -> Number:
    """a - b in bytes."""
    if a.maybe_null or b.maybe_null:
        raise address_dependent("subtraction of a pointer that may be NULL")
    if a.kind in PACKET_KINDS and b.kind in PACKET_KINDS:
        if a.kind == b.kind and a.id == b.id and not a.stale:
            return constant(a.offset - b.offset)
        return sub(state.position(a), state.position(b))
    if (a.stale or b.stale) and both_in_frame(a, b):
        return between(-MAX_OFFSET, MAX_OFFSET)
    if a.kind == Kind.PACKET_END and b.kind == Kind.PACKET:
        return sub(between(0, LONGEST), b.total)
    if b.kind == Kind.PACKET_END and a.kind == Kind.PACKET:
        return sub(a.total, between(0, LONGEST))
    if a.kind == b.kind and a.kind in (Kind.STACK, Kind.MEMORY, Kind.RECORD) and a.frame == b.frame:
        return sub(a.total, b.total)
    raise address_dependent(f"subtraction of a {b.kind.value} from a {a.kind.value} pointer")


def _prohibited(i: Instruction, p: Ptr, register: int) -> Failure | Unbuildable:
    if p.stale:
        return address_dependent(f"{Alu(i.operation).name} on r{register}, a packet pointer from before a call")
    return Failure(
        Category.ARITHMETIC,
        f"{Alu(i.operation).name} on r{register}, a {p.kind.value} pointer",
        "only add or subtract 64-bit numbers, and only to pointers into memory (not from the frame pointer)",
        register,
    )
