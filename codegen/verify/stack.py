"""The stack: which bytes are written, and values that come back as they were stored.

Addresses are those of `State.stack`. Finer than Linux: any part of a stored number can be read back, and what is
left of a number that was overwritten in part stays known.
"""

from __future__ import annotations

from ..isa import Alu
from .arithmetic import binary, bit_or
from .failure import Category, Failure, Unbuildable, address_dependent
from .number import ZERO, Number, bits, constant, truncate
from .state import STACK_BYTES, State
from .values import Num, Ptr, Value, scalar

_WIDEST = 8  # bytes of the largest entry


def address(frame: int, offset: int) -> int:
    """The address of byte ``offset`` (negative) of the frame at a call depth."""
    return (frame + 1) * STACK_BYTES + offset


def name(at: int) -> str:
    """An address as the program writes it."""
    return f"r10{at % STACK_BYTES - STACK_BYTES}"


def _entries(state: State, low: int, high: int) -> list[int]:
    """Addresses of the entries that have bytes in [low, high), lowest first."""
    stack = state.stack
    near = range(low - _WIDEST + 1, high)
    candidates = sorted(stack) if len(stack) < len(near) else near
    return [a for a in candidates if a in stack and a < high and a + stack[a][0] > low]


def _part(value: Num, first: int, size: int) -> Number:
    """Bytes [first, first + size) of a stored number."""
    shifted = binary(Alu.RSH, value.number, constant(8 * first)) if first else value.number
    return truncate(shifted, 8 * size)


def forget(state: State, low: int, high: int) -> None:
    """Bytes [low, high) are overwritten by something unknown, or about to be written.

    What is left of a pointer is nothing that may be read.
    """
    for a in _entries(state, low, high):
        size, value = state.stack.pop(a)
        for first, end in ((a, min(low, a + size)), (max(high, a), a + size)):
            if first >= end:
                continue
            if isinstance(value, Num):
                state.stack[first] = end - first, scalar(_part(value, first - a, end - first))
            else:
                state.written &= ~_mask(first, end)
        if not isinstance(value, Num):
            state.written &= ~_mask(max(a, low), min(a + size, high))


def _mask(low: int, high: int) -> int:
    return (1 << high) - (1 << low)


def write(state: State, at: int, size: int, value: Value) -> None:
    """Store the low ``size`` bytes of a value."""
    forget(state, at, at + size)
    if isinstance(value, Num) and size < 8:
        number = truncate(value.number, 8 * size)
        value = value if number == value.number else scalar(number)
    state.stack[at] = size, value
    state.written |= _mask(at, at + size)


def read(state: State, at: int, size: int) -> Value:
    """The zero-extended value of ``size`` bytes; a pointer only if it is read as it was stored."""
    entry = state.stack.get(at)
    if entry is not None and entry[0] == size:
        return entry[1]
    require_written(state, at, at + size)
    known, covered = ZERO, 0
    for a in _entries(state, at, at + size):
        entry_size, value = state.stack[a]
        if not isinstance(value, Num):
            raise Failure(
                Category.STACK,
                f"{size} bytes at {name(at)} are part of a pointer stored at {name(a)}",
                "read a stored pointer whole, 8 bytes at the address it was stored to",
            )
        low, high = max(a, at), min(a + entry_size, at + size)
        part = _part(value, low - a, high - low)
        if low == at and high == at + size and part == value.number:
            return value
        known = bit_or(known, binary(Alu.LSH, part, constant(8 * (low - at))))
        covered |= _mask(8 * (low - at), 8 * (high - at))
    return scalar(bit_or(known, bits(0, _mask(0, 8 * size) & ~covered)))


def require_written(state: State, low: int, high: int) -> None:
    """Raise `Unbuildable` unless all bytes of [low, high) were written on every path."""
    missing = _mask(low, high) & ~state.written
    if missing:
        first = (missing & -missing).bit_length() - 1
        raise Unbuildable(
            f"{high - low} bytes of stack at {name(low)} are read, of which {name(first)} is not written on every "
            "path to here (Linux 6.3 and later lets a privileged program read whatever lies there)",
            "initialise the whole variable, padding included, for instance with __builtin_memset",
        )


def require_data(state: State, low: int, high: int) -> None:
    """Raise unless [low, high) is written and holds no pointer: memory that a helper may read."""
    require_written(state, low, high)
    require_numbers(state, low, high)


def require_numbers(state: State, low: int, high: int) -> None:
    """Raise if [low, high) holds a pointer: memory that a helper only copies."""
    for a in _entries(state, low, high):
        if isinstance(state.stack[a][1], Ptr):
            raise address_dependent(f"a helper reads the pointer stored at {name(a)}")


def initialise(state: State, low: int, high: int) -> None:
    """Bytes [low, high), if there are any, hold numbers that nothing is known about."""
    if low < high:
        state.written |= _mask(low, high)


def keep(state: State, live: int) -> None:
    """Forget all bytes whose addresses are not in a bit set."""
    if not state.written & ~live:
        return
    kept = 0
    for at, (size, _) in list(state.stack.items()):
        mask = _mask(at, at + size)
        if mask & live:
            kept |= mask
        else:
            del state.stack[at]
    state.written &= live | kept


def is_written(state: State, at: int, size: int) -> bool:
    """Whether all of the bytes were written."""
    return not _mask(at, at + size) & ~state.written


def holds_pointer(state: State, at: int, size: int) -> bool:
    """Whether some of the bytes are of a stored pointer."""
    return any(isinstance(state.stack[a][1], Ptr) for a in _entries(state, at, at + size))


def holds_any(state: State, at: int, size: int) -> bool:
    """Whether an entry has some of the bytes."""
    return bool(_entries(state, at, at + size))


def unwrite(state: State, at: int, size: int) -> None:
    """The bytes hold nothing that may be read."""
    forget(state, at, at + size)
    state.written &= ~_mask(at, at + size)
