"""Conditional jumps: which ways are possible, and what each of them teaches."""

from __future__ import annotations

from ..isa import Class, Instruction, Jump
from .alu import LONGEST, low_half
from .failure import address_dependent
from .memory import readable
from .number import Number, constant
from .refine import assume
from .result import Kind
from .state import State
from .values import DATA, FRAME_KINDS, PACKET_KINDS, Num, Ptr, both_in_frame, is_null, scalar

Ways = list[tuple[bool, State]]
"""The possible ways: taken or not, and the state on each."""

_REVERSED = {Jump.JGT: Jump.JLT, Jump.JGE: Jump.JLE, Jump.JLT: Jump.JGT, Jump.JLE: Jump.JGE}
"""``a op b`` as ``b op' a``."""


def decide(state: State, i: Instruction, slot: int) -> Ways:
    """The ways a conditional jump can go; takes over ``state``."""
    width = 64 if i.cls == Class.JMP else 32
    read = readable if width == 64 else low_half
    a = read(state, i.dst)
    b: Num | Ptr = read(state, i.src) if i.uses_register else scalar(constant(i.imm))
    op = Jump(i.operation)
    if isinstance(a, Num) and isinstance(b, Num):
        return _numbers(state, i, op, a, b, width)
    if op in (Jump.JEQ, Jump.JNE):
        for pointer, other in ((a, b), (b, a)):
            if isinstance(pointer, Ptr) and is_null(other) and (width == 64 or _is_in_buffer(pointer)):
                return _null_check(state, op, pointer)
    if width == 32:
        # Frames lie in buffers of less than 4 GiB, so the low halves of pointers differ if they do.
        if op not in (Jump.JEQ, Jump.JNE) or not both_in_frame(a, b):
            raise address_dependent("a 32-bit comparison of a pointer")
        return _split(state, [False, True])
    if isinstance(a, Ptr) and isinstance(b, Ptr):
        return _pointers(state, op, a, b, slot)
    raise address_dependent("a comparison of a pointer with a number")


def _split(state: State, possible: list[bool]) -> Ways:
    """One state for each possible way; copies only if there are two."""
    return [(way, state if way == possible[-1] else state.copy()) for way in possible]


def _numbers(state: State, i: Instruction, op: Jump, a: Num, b: Num, width: int) -> Ways:
    if i.uses_register and (i.dst == i.src or (a.id and a.id == b.id and a.delta == b.delta)):
        return _same(state, i, op, a, width)
    outcomes = {way: assume(op, way, a.number, b.number, width) for way in (False, True)}
    ways: Ways = []
    for way, after in _split(state, [way for way, pair in outcomes.items() if pair is not None]):
        pair = outcomes[way]
        assert pair is not None
        if _learn(after, i.dst, a, pair[0]) and (not i.uses_register or _learn(after, i.src, b, pair[1])):
            ways.append((way, after))
    return ways


def _learn(state: State, register: int, old: Num, sharper: Number) -> bool:
    if sharper == old.number:
        return True
    if not state.learn(old, sharper):
        return False
    # A relation to the other operand may have made it sharper already.
    if not old.id:
        state.set(register, Num(sharper))
    return True


def _same(state: State, i: Instruction, op: Jump, a: Num, width: int) -> Ways:
    """A number compared with itself."""
    if op == Jump.JSET:
        outcomes = {way: assume(Jump.JNE, way, a.number, constant(0), width) for way in (False, True)}
        ways = _split(state, [way for way, pair in outcomes.items() if pair is not None])
        return [(way, after) for way, after in ways if _learn(after, i.dst, a, outcomes[way][0])]  # type: ignore[index]
    always = op in (Jump.JEQ, Jump.JGE, Jump.JLE, Jump.JSGE, Jump.JSLE)
    return [(always, state)]


def _null_check(state: State, op: Jump, pointer: Ptr) -> Ways:
    null_way = op == Jump.JEQ
    if not pointer.maybe_null:
        return [(not null_way, state)]
    if pointer.kind in (Kind.ITERATOR, Kind.MAP):  # which it is was found out by the call; Linux wants the test
        state.resolve_null(pointer, False)
        return [(not null_way, state)]
    ways = _split(state, [False, True])
    for way, after in ways:
        after.resolve_null(pointer, way == null_way)
    return ways


def _pointers(state: State, op: Jump, a: Ptr, b: Ptr, slot: int) -> Ways:
    if a.maybe_null or b.maybe_null:
        raise address_dependent("a comparison of pointers that may be NULL")
    if a.stale or b.stale:
        if both_in_frame(a, b):
            return _split(state, [False, True])
    elif op in (Jump.JGT, Jump.JGE, Jump.JLT, Jump.JLE):
        if _is_end_of(b, a):
            return _bound_check(state, op, a, slot)
        if _is_end_of(a, b):
            return _bound_check(state, _REVERSED[op], b, slot)
    if a.kind == b.kind and a.kind in PACKET_KINDS and a.id == b.id:
        return _by_number(state, op, constant(a.offset), constant(b.offset))
    if both_in_frame(a, b):
        return _split(state, [False, True])
    if a.kind == b.kind and a.kind in (Kind.STACK, Kind.MEMORY, Kind.RECORD) and a.frame == b.frame:
        return _by_number(state, op, a.total, b.total)
    raise address_dependent(f"a comparison of a {a.kind.value} with a {b.kind.value} pointer")


def _is_in_buffer(pointer: Ptr) -> bool:
    """Whether the low half of the address is not 0: headroom lies before the frame, tailroom behind it, and no number
    moves the pointer out of them."""
    offset = pointer.total
    return pointer.kind in FRAME_KINDS and offset.smin >= -LONGEST and offset.smax <= LONGEST


def _by_number(state: State, op: Jump, a: Number, b: Number) -> Ways:
    """Two pointers into one object, by their offsets.

    Addresses compare as their offsets do when both are read as signed, because no object lies across address 0.
    """
    as_signed = {Jump.JGT: Jump.JSGT, Jump.JGE: Jump.JSGE, Jump.JLT: Jump.JSLT, Jump.JLE: Jump.JSLE}
    possible = [way for way in (False, True) if assume(as_signed.get(op, op), way, a, b, 64) is not None]
    return _split(state, possible)


def _is_end_of(end: Ptr, pointer: Ptr) -> bool:
    """Whether a comparison with ``end`` bounds accesses through ``pointer``."""
    if pointer.kind == Kind.PACKET:
        return end.kind == Kind.PACKET_END
    at_data = end.kind == Kind.PACKET and end.id == DATA and not end.offset
    return pointer.kind == Kind.PACKET_META and at_data


def _bound_check(state: State, op: Jump, pointer: Ptr, slot: int) -> Ways:
    """``pointer op end``: where the pointer is at or before the end, the bytes before it are in the frame."""
    # Way on which the pointer is not behind the end, and how many bytes that shows beyond the offset.
    inside, extra = {
        Jump.JGT: (False, 0),
        Jump.JGE: (False, 1),
        Jump.JLT: (True, 1),
        Jump.JLE: (True, 0),
    }[op]
    if not pointer.offset:
        extra = 0  # Linux does not count the byte at an offset of 0 (find_good_pkt_pointers)
    size = pointer.offset + extra
    countable = (
        pointer.offset >= 0
        and pointer.variable.smin >= 0
        and pointer.variable.umax + pointer.offset <= LONGEST
    )
    if not countable:
        return _split(state, [False, True])
    known, beyond = state.proven.get(pointer.id), state.beyond.get(pointer.id)
    if known is not None and known.size >= size:
        return [(inside, state)]
    if beyond is not None and size >= beyond:
        return [(not inside, state)]
    ways = _split(state, [False, True])
    for way, after in ways:
        if way != inside:
            after.beyond[pointer.id] = size if beyond is None else min(beyond, size)
        elif size:
            after.prove(pointer, size, slot)
    return ways
