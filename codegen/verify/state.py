"""The abstract state at one program point, on some of the paths to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ..isa import FRAME_POINTER
from .arithmetic import add, sub
from .failure import Category, Failure
from .number import Number, between, constant, meet
from .result import Kind
from .values import DATA, FRAME_KINDS, META, NEVER_WRITTEN, PACKET_KINDS, STALE, Num, Ptr, Value, scalar

STACK_BYTES = 512
"""MAX_BPF_STACK: bytes of stack of one frame, and of a whole call chain."""

TAIL_CALLER_STACK_BYTES = 256
"""The callers of a function that makes a tail call must need less stack than this (check_max_stack_depth)."""

MAX_FRAMES = 8
"""MAX_CALL_FRAMES."""

NULL = scalar(constant(0))


class Step(NamedTuple):
    """One instruction that ran, on one path; for explanations."""

    slot: int
    depth: int
    before: Step | None


class Proof(NamedTuple):
    """So many bytes are inside the frame, shown by the conditional jump in that slot."""

    size: int
    slot: int


class Reserved(NamedTuple):
    """A record of ring buffer ``map`` with ``size`` bytes; ``written``: bit set of those that hold something.
    ``depth``: the call depth at which it was reserved, less than that of functions that a helper has called since."""

    map: str
    size: int
    written: int
    depth: int


class State:
    """Registers, stack, and what is proven about the frame. Mutable; `copy` before going two ways.

    ``registers``: key ``depth * 16 + number``, of all frames. ``stack``: address -> size and value of what was
    stored there, not overlapping; frame pointer r10 of depth d is address (d + 1) * STACK_BYTES. ``written``: bit
    set of addresses that hold something; a written byte that is in no entry is an unknown number. ``proven``: id
    of packet pointers -> bytes behind their base that bound checks showed to be inside the frame. ``beyond``: id ->
    offset from their base that was shown to lie behind the end. ``head``,
    ``meta``: range of data start and data_meta relative to the frame's original data start. ``lossy``: a join lost
    something, so that a failure may be none. ``memory``: bytes of a raw program's memory, None in an XDP program.
    ``lock``: map and `Ptr.lookup` of the lock that is held. ``iterators``: stack addresses of those
    begun and not ended. ``reserved``: records that were not given back yet, by the point that reserved them.
    """

    __slots__ = (
        "beyond",
        "depth",
        "head",
        "history",
        "iterators",
        "lock",
        "lossy",
        "memory",
        "meta",
        "proven",
        "registers",
        "reserved",
        "stack",
        "written",
    )

    def __init__(self, memory: int | None = None) -> None:
        self.depth = 0
        self.memory = memory
        self.registers: dict[int, Value] = {1: Ptr(Kind.CTX), FRAME_POINTER: Ptr(Kind.STACK)}
        if memory is not None:
            self.registers |= {1: Ptr(Kind.MEMORY), 2: scalar(constant(memory))}
        self.stack: dict[int, tuple[int, Value]] = {}
        self.written = 0
        self.proven: dict[int, Proof] = {}
        self.beyond: dict[int, int] = {}
        self.head = (0, 0)
        self.meta = (0, 0)
        self.lock: tuple[str, int] | None = None
        self.iterators: frozenset[int] = frozenset()
        self.reserved: dict[int, Reserved] = {}
        self.lossy = False
        self.history: Step | None = None

    def copy(self) -> State:
        """An independent state that is equal."""
        other = State.__new__(State)
        other.depth, other.memory = self.depth, self.memory
        other.registers = self.registers.copy()
        other.stack = self.stack.copy()
        other.written = self.written
        other.proven, other.beyond = self.proven.copy(), self.beyond.copy()
        other.head, other.meta = self.head, self.meta
        other.lock, other.iterators, other.reserved = self.lock, self.iterators, self.reserved
        other.lossy, other.history = self.lossy, self.history
        return other

    def get(self, register: int) -> Value:
        """A register of the current frame."""
        return self.registers.get(self.depth << 4 | register, NEVER_WRITTEN)

    def set(self, register: int, value: Value) -> None:
        """Write a register of the current frame."""
        if register == FRAME_POINTER:
            raise Failure(Category.INSTRUCTION, "r10, the frame pointer, is written", "compile the program again")
        self.registers[self.depth << 4 | register] = value

    def enter(self) -> None:
        """Start a subprogram: a frame with the arguments r1 to r5 of the current one."""
        arguments = [self.get(r) for r in range(1, 6)]
        self.depth += 1
        for r, value in enumerate(arguments, 1):
            self.set(r, value)
        self.registers[self.depth << 4 | FRAME_POINTER] = Ptr(Kind.STACK, frame=self.depth)

    def leave(self) -> None:
        """Return from a subprogram: its registers and its stack are gone, its r0 is the caller's."""
        result = self.get(0)
        first = self.depth << 4
        self.registers = {key: value for key, value in self.registers.items() if key < first}
        bottom = self.depth * STACK_BYTES
        self.stack = {address: slot for address, slot in self.stack.items() if address < bottom}
        self.written &= (1 << bottom) - 1
        self.depth -= 1
        self.set(0, result)

    def replace(self) -> None:
        """Another program takes the place of the current function: all it gets is the context."""
        first, bottom = self.depth << 4, self.depth * STACK_BYTES
        self.registers = {key: value for key, value in self.registers.items() if key < first}
        self.registers |= {first | 1: Ptr(Kind.CTX), first | FRAME_POINTER: Ptr(Kind.STACK, frame=self.depth)}
        self.stack = {address: slot for address, slot in self.stack.items() if address < bottom}
        self.written &= (1 << bottom) - 1

    def values(self) -> Iterator[Value]:
        """All values in registers and stack."""
        yield from self.registers.values()
        for _, value in self.stack.values():
            yield value

    def rewrite(self, change: Callable[[Value], Value]) -> None:
        """Change the value in every register and stack slot."""
        for key, value in self.registers.items():
            self.registers[key] = change(value)
        for address, (size, value) in self.stack.items():
            self.stack[address] = size, change(value)

    def learn(self, value: Num, sharper: Number) -> bool:
        """Every number related to ``value`` gets sharper with it; False if none is left of one of them."""
        if value.number == sharper or not value.id:
            return True
        base = sub(sharper, constant(value.delta))
        possible = True

        def change(other: Value) -> Value:
            nonlocal possible
            if not isinstance(other, Num) or other.id != value.id:
                return other
            number = meet(other.number, add(base, constant(other.delta)))
            if number is None:
                possible = False
                return other
            return Num(number, other.id, other.delta)

        self.rewrite(change)
        return possible

    def resolve_null(self, pointer: Ptr, is_null: bool) -> None:
        """The outcome of a null check, for all copies of the pointer."""

        def change(other: Value) -> Value:
            if not isinstance(other, Ptr) or not other.maybe_null or other.id != pointer.id:
                return other
            return NULL if is_null else other._replace(maybe_null=False, id=0)

        self.rewrite(change)
        if is_null and pointer.kind == Kind.RECORD:
            self.reserved = {point: kept for point, kept in self.reserved.items() if point != pointer.frame}

    def forget_packet(self) -> None:
        """The frame may be about to move: what was proven about packet pointers is void, and they are stale."""

        def change(value: Value) -> Value:
            if not isinstance(value, Ptr) or value.kind not in FRAME_KINDS or value.stale:
                return value
            place = self.position(value) if value.kind in PACKET_KINDS else value.variable
            return value._replace(offset=0, variable=place, id=STALE, stale=True)

        self.rewrite(change)
        self.proven.clear()
        self.beyond.clear()

    def position(self, pointer: Ptr) -> Number:
        """Where a packet pointer points, relative to the frame's original data start."""
        if pointer.stale:
            return pointer.total
        low, high = self.meta if pointer.kind == Kind.PACKET_META else self.head
        return add(pointer.total, constant(low) if low == high else between(low, high))

    def prove(self, pointer: Ptr, size: int, slot: int) -> None:
        """``size`` bytes behind the base of the pointer's id are inside the frame."""
        known = self.proven.get(pointer.id)
        if known is None or known.size < size:
            self.proven[pointer.id] = Proof(size, slot)

    def forget_unused_proofs(self) -> None:
        """Drop what is known about packet pointers that are gone."""
        if len(self.proven) + len(self.beyond) > 2:
            used = {value.id for value in self.values() if isinstance(value, Ptr)} | {DATA, META}
            self.proven = {id: proof for id, proof in self.proven.items() if id in used}
            self.beyond = {id: offset for id, offset in self.beyond.items() if id in used}


class Starts(NamedTuple):
    """Where data and metadata may start (`result.Point`)."""

    head: tuple[int, int]
    metadata: int | None

    @staticmethod
    def of(states: list[State]) -> Starts:
        """In any of these states. There is none where data_meta is surely data."""
        head = min(s.head[0] for s in states), max(s.head[1] for s in states)
        some = [s.meta[0] for s in states if s.meta != s.head or s.head[0] != s.head[1]]
        return Starts(head, min(some, default=None))
