"""Records in ring buffers: reserved, filled, and given back exactly once on every path (references in Linux).

A pointer to one has in ``Ptr.frame`` the number of the point that reserved it; a point is passed once, so that tells
records apart. Linux lets programs show bytes that they never wrote; here that is remarked, as for the stack.
"""

from __future__ import annotations

from typing import NamedTuple

from ...hdl.helpers.base import HelperPlugin
from .failure import Category, Failure, Unbuildable
from .result import Kind
from .state import Reserved, State
from .values import RELEASED, Ptr, Value


class Span(NamedTuple):
    """Bytes [``low``, ``high``) of a record."""

    low: int
    high: int

    @property
    def mask(self) -> int:
        """As a bit set."""
        return (1 << self.high) - (1 << self.low)


def reserve(state: State, map_name: str, size: int, point: int, fresh: int) -> Ptr:
    """What the reservation at a point returns: a pointer or NULL; ``fresh`` is an unused id."""
    state.reserved = {**state.reserved, point: Reserved(map_name, size, 0, state.depth)}
    return Ptr(Kind.RECORD, id=fresh, map=map_name, frame=point, maybe_null=True)


def release(state: State, register: int, pointer: Ptr, plugin: HelperPlugin) -> Reserved:
    """The record is given back: no pointer to it may be used any more."""
    if pointer.maybe_null:
        raise Failure(
            Category.NULL,
            f"r{register} is the result of a reservation in {pointer.map} that may be NULL",
            "test the result first: if (!record) return XDP_PASS;",
            register,
        )
    if pointer.total.constant != 0:
        raise Failure(
            Category.RECORD,
            f"r{register} points to byte {pointer.total.smin} of a record, not to its beginning",
            f"give {plugin.name} the pointer that bpf_ringbuf_reserve returned",
            register,
        )
    reserved = state.reserved[pointer.frame]
    state.reserved = {point: other for point, other in state.reserved.items() if point != pointer.frame}

    def change(value: Value) -> Value:
        return RELEASED if _is_of(value, pointer.frame) else value

    state.rewrite(change)
    return reserved


def _is_of(value: Value, point: int) -> bool:
    return isinstance(value, Ptr) and value.kind == Kind.RECORD and value.frame == point


def check_access(state: State, register: int, pointer: Ptr, low: int, high: int) -> None:
    """Raise unless bytes [low, high) are of the record."""
    size = state.reserved[pointer.frame].size
    if low < 0 or high > size:
        raise Failure(
            Category.RECORD,
            f"bytes [{low}, {high}) of a record of {pointer.map} that has {size} bytes",
            "reserve more, or bound the index before the access",
            register,
        )


def span(pointer: Ptr, offset: int, size: int) -> Span:
    """All bytes that an access may touch."""
    low, high = pointer.variable.smin, pointer.variable.smax
    return Span(low + pointer.offset + offset, high + pointer.offset + offset + size)


def write(state: State, pointer: Ptr, offset: int, size: int) -> None:
    """Bytes are written, if it is known which."""
    where = span(pointer, offset, size)
    if where.high - where.low == size:
        old = state.reserved[pointer.frame]
        state.reserved = {**state.reserved, pointer.frame: old._replace(written=old.written | where.mask)}


def require_written(state: State, register: int, pointer: Ptr, offset: int, size: int) -> None:
    """Raise if bytes that are read were perhaps not written: in Linux they are what a former record had there."""
    where = span(pointer, offset, size)
    if where.mask & ~state.reserved[pointer.frame].written:
        raise Unbuildable(
            f"bytes [{where.low}, {where.high}) of a record of {pointer.map} are read, not all of which are written",
            "write a record before reading it, for instance with __builtin_memset",
        )


def is_written(reserved: Reserved) -> bool:
    """Whether all bytes of a record are."""
    return reserved.written == (1 << reserved.size) - 1


def enter_callback(state: State) -> None:
    """A function that a helper calls begins: it need not give back what was reserved before."""
    state.reserved = {
        point: reserved._replace(depth=min(reserved.depth, state.depth - 1))
        for point, reserved in state.reserved.items()
    }


def check_given_back(state: State, what: str, depth: int = 0) -> None:
    """Raise if there is a record that was reserved at this call depth or deeper and not given back."""
    for reserved in state.reserved.values():
        if reserved.depth >= depth:
            raise Failure(
                Category.RECORD,
                f"{what} while a record of {reserved.map} is reserved",
                "call bpf_ringbuf_submit or bpf_ringbuf_discard on every path",
            )
