"""What a register or a stack slot can hold during exploration, and the facts that are made from it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from . import number
from .arithmetic import add
from .number import ZERO, Number, constant
from .result import AbstractValue, Kind, Mixed, Pointer, Scalar


class Num(NamedTuple):
    """A number. Values with the same ``id`` (not 0) are one unknown number plus their ``delta`` modulo 2^64, so
    what a branch teaches about one of them holds for all."""

    number: Number
    id: int = 0
    delta: int = 0


class Ptr(NamedTuple):
    """A pointer: ``offset`` + ``variable`` bytes from the base that `result.Pointer` names for its kind (packet
    pointers: from the *current* data start).

    Packet pointers with one ``id`` differ by constants only: the bytes that bound checks proved are kept per id
    (`State.proven`). Map-value pointers with one ``id`` came from one lookup: they are null together.
    ``frame``: the call depth for STACK and ITERATOR, for RECORD the point that reserved it, for
    MAP_KEY the key itself, a number.
    ``lookup`` tells the lookups of maps with a lock apart, also when they are known not to be null.

    ``half``: only the low 32 bits of a pointer. Another one may be subtracted from it in 32 bits, and that is all.
    ``stale``: a packet pointer from before a helper that can move the frame, relative to the frame's *original* data
    start. It may be compared with others and subtracted, and that is all.
    """

    kind: Kind
    offset: int = 0
    variable: Number = ZERO
    id: int = 0
    map: str | None = None
    frame: int = 0
    maybe_null: bool = False
    half: bool = False
    lookup: int = 0
    stale: bool = False

    @property
    def total(self) -> Number:
        """Offset and variable part together."""
        return add(self.variable, constant(self.offset)) if self.offset else self.variable

    @property
    def object(self) -> tuple[Kind, str | None, int, bool, bool, bool]:
        """What it points into; pointers that differ in this are not joined."""
        return self.kind, self.map, self.frame, self.maybe_null, self.half, self.stale


class Unusable(NamedTuple):
    """A value that must not be read, and why."""

    why: str


Value = Num | Ptr | Unusable

NEVER_WRITTEN = Unusable("was never written")
UNDEFINED = Unusable("holds bytes of stack that were never written")
"""Linux lets a privileged program read whatever lies there. It may be moved on, but must not decide anything."""
CLOBBERED = Unusable("does not survive a call")
ENDED = Unusable("is a pointer to a number of an iterator that was ended")
RELEASED = Unusable("is a pointer to a record that was given back")
MIXED = Unusable("holds different kinds of values on the paths that meet here")

DATA, META, STALE = 0, -1, -2
"""Ids of packet pointers at constant distance from data start and from data_meta, and of those that are `Ptr.stale`;
others are positive."""

UNKNOWN_KEY = -1
"""`Ptr.frame` of a pointer to a key that is not known."""

PACKET_KINDS = (Kind.PACKET, Kind.PACKET_META)

FRAME_KINDS = (*PACKET_KINDS, Kind.PACKET_END)


def both_in_frame(a: Value, b: Value) -> bool:
    """Whether both are pointers into the frame or to its end."""
    return isinstance(a, Ptr) and isinstance(b, Ptr) and a.kind in FRAME_KINDS and b.kind in FRAME_KINDS


def scalar(n: Number) -> Num:
    """A number that is related to no other."""
    return Num(n)


def is_null(value: Value) -> bool:
    """Whether it is the constant 0."""
    return isinstance(value, Num) and value.number.constant == 0


def fact(value: Num | Ptr, head: tuple[int, int], meta: tuple[int, int]) -> Scalar | Pointer:
    """The value as a fact for the graph; ``head`` and ``meta`` are the ranges of data start and data_meta relative
    to the frame's original data start."""
    if isinstance(value, Num):
        return value.number.fact()
    offset = value.total
    if value.kind in PACKET_KINDS and not value.stale:
        low, high = meta if value.kind == Kind.PACKET_META else head
        offset = add(offset, number.between(low, high) if low != high else constant(low))
    return Pointer(value.kind, offset.fact(), value.map, value.frame, value.maybe_null)


def join_facts(facts: Iterable[Scalar | Pointer]) -> AbstractValue:
    """One fact that covers all; `Mixed` where their kinds differ."""
    groups: dict[object, Scalar | Pointer] = {}
    for item in facts:
        key = (item.kind, item.map, item.frame) if isinstance(item, Pointer) else None
        known = groups.get(key)
        groups[key] = item if known is None else _join_pair(known, item)
    alternatives = tuple(groups.values())
    return alternatives[0] if len(alternatives) == 1 else Mixed(alternatives)


def _join_pair(a: Scalar | Pointer, b: Scalar | Pointer) -> Scalar | Pointer:
    if a == b:
        return a
    if isinstance(a, Pointer) and isinstance(b, Pointer):
        offset = _join_scalars(a.offset, b.offset)
        return Pointer(a.kind, offset, a.map, a.frame, a.maybe_null or b.maybe_null)
    assert isinstance(a, Scalar) and isinstance(b, Scalar)
    return _join_scalars(a, b)


def _join_scalars(a: Scalar, b: Scalar) -> Scalar:
    mask = a.mask | b.mask | a.value ^ b.value
    return Scalar(
        a.value & ~mask,
        mask,
        min(a.umin, b.umin),
        max(a.umax, b.umax),
        min(a.smin, b.smin),
        max(a.smax, b.smax),
    )
