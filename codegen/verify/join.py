"""Joining states where paths meet.

A join keeps relations where both states have them: numbers and pointers that belong together in both (one id)
belong together afterwards, also where the two states have different ids and offsets for them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from . import number, stack
from .arithmetic import add
from .failure import Failure, Unbuildable
from .number import M64, constant
from .result import Kind
from .state import Proof, State
from .values import DATA, META, MIXED, PACKET_KINDS, UNDEFINED, Num, Ptr, Value


class Decisive(NamedTuple):
    """The registers (as keys of `State.registers`; None: all) and stack addresses whose numbers decide something."""

    registers: frozenset[int] | None
    addresses: int


EVERYTHING = Decisive(None, -1)


class Join:
    """The join of two states of one shape (`shape`), and whether it lost anything of either.

    ``blurred``: how much of that is only that ranges became wider which were no constants before: of all losses the one
    that least often matters. Numbers that are not ``decisive`` are no loss; ``merged``: whether there were such.

    It is ``abandoned`` half-way, without a state, once both have lost something and ``limit`` is reached by all losses,
    and passed by those that are not ``blurred`` if ``blur``: most joins are only tried.
    """

    def __init__(
        self,
        a: State,
        b: State,
        fresh: Callable[[], int],
        decisive: Decisive | None = None,
        *,
        limit: int | None = None,
        blur: bool = False,
    ) -> None:
        self.blurred = 0
        self.abandoned = False
        self._limit, self._blur = limit, blur
        self._a, self._b, self._fresh = a, b, fresh
        self.merged = False
        self._ids: dict[Hashable, int] = {}
        self._placed: set[int] = set()
        self._partners_a: dict[Hashable, Hashable] = {}
        self._partners_b: dict[Hashable, Hashable] = {}
        self.state = s = State()
        s.registers = {}
        s.depth, s.history = b.depth, b.history
        # Iterators and records are part of the shape of states that are really joined.
        s.iterators = b.iterators
        self.lost_a = self.lost_b = int(a.iterators != b.iterators or a.reserved.keys() != b.reserved.keys())
        self._join_records()
        s.head = min(a.head[0], b.head[0]), max(a.head[1], b.head[1])
        s.meta = min(a.meta[0], b.meta[0]), max(a.meta[1], b.meta[1])
        self.lost_a += (s.head, s.meta) != (a.head, a.meta)
        self.lost_b += (s.head, s.meta) != (b.head, b.meta)
        registers, self._bytes = decisive or EVERYTHING
        for key, value in a.registers.items():
            if key in b.registers:
                s.registers[key] = self._value(value, b.registers[key], registers is None or key in registers)
        if a.lock is not None and b.lock is not None:  # of one map: that is part of the shape
            s.lock = a.lock[0], self._lookup(a.lock[1], b.lock[1])
        self._join_frame()
        self._join_stacks()
        s.lossy = a.lossy or b.lossy or bool(self.lost_a and self.lost_b)

    def _is_enough(self) -> bool:
        """Whether it is clear that nobody will want this join."""
        if self._limit is None or not self.lost_a or not self.lost_b:
            return False
        loss = self.lost_a + self.lost_b
        self.abandoned = loss >= self._limit and (not self._blur or loss > self.blurred)
        return self.abandoned

    def _value(self, a: Value, b: Value, decisive: bool) -> Value:
        if isinstance(a, Num) and isinstance(b, Num):
            if decisive:
                return self._number(a, b)
            self.merged = self.merged or a.number != b.number
            return a if a.number == b.number and a.id == b.id else Num(number.join(a.number, b.number))
        if isinstance(a, Ptr) and isinstance(b, Ptr) and a.object == b.object:
            return self._pointer(a, b)
        if a == b:
            return a
        if UNDEFINED in (a, b) and (isinstance(a, Num) or isinstance(b, Num)):
            self.lost_a += a != UNDEFINED
            self.lost_b += b != UNDEFINED
            return UNDEFINED
        self.lost_a += a != MIXED
        self.lost_b += b != MIXED
        return MIXED

    def _number(self, a: Num, b: Num) -> Num:
        if a == b:
            if a.id:
                self._relate("number", a.id, a.id, (a.id, a.id, 0), a.delta, a.delta)
            return a
        joined = number.join(a.number, b.number)
        wider_a, wider_b = joined != a.number, joined != b.number
        self.lost_a += wider_a
        self.lost_b += wider_b
        if not a.number.is_constant and not b.number.is_constant:
            self.blurred += wider_a + wider_b
        if not a.id and not b.id:
            return a if joined == a.number else Num(joined)
        pair = (a.id, b.id, b.delta - a.delta & M64) if a.id and b.id else None
        self._relate("number", a.id, b.id, pair, a.delta, b.delta)
        if pair is None:
            return Num(joined)
        return Num(joined, a.id if a.id == b.id and a.delta == b.delta else self._id(pair), a.delta)

    def _relate(
        self, what: str, id_a: int, id_b: int, pair: Hashable, position_a: int = 0, position_b: int = 0
    ) -> None:
        """Count relations of one state that the other one lacks."""
        if id_a and self._partners_a.setdefault((what, id_a), pair or position_a) != (pair or position_a):
            self.lost_a += 1
        if id_b and self._partners_b.setdefault((what, id_b), pair or position_b) != (pair or position_b):
            self.lost_b += 1

    def _id(self, pair: Hashable) -> int:
        if pair not in self._ids:
            self._ids[pair] = self._fresh()
        return self._ids[pair]

    def _pointer(self, a: Ptr, b: Ptr) -> Ptr:
        in_packet = a.kind in PACKET_KINDS
        if a == b and a.id <= 0:
            if in_packet:
                self._prove(a.id, a.id, 0, 0, a.id)
            return a
        offset = min(a.offset, b.offset)
        rest_a, rest_b = a.offset - offset, b.offset - offset
        variable = number.join(add(a.variable, constant(rest_a)), add(b.variable, constant(rest_b)))
        wider_a, wider_b = (offset, variable) != (a.offset, a.variable), (offset, variable) != (b.offset, b.variable)
        self.lost_a += wider_a
        self.lost_b += wider_b
        if not a.variable.is_constant and not b.variable.is_constant:
            self.blurred += wider_a + wider_b
        joined = a._replace(offset=offset, variable=variable, lookup=self._lookup(a.lookup, b.lookup))
        if in_packet:
            pair = (a.kind, a.id, b.id, b.offset - a.offset)
            self._relate(a.kind.value, a.id, b.id, pair)
            new = a.id if a.id == b.id and a.id <= 0 and a.offset == b.offset else self._id(pair)
            self._prove(a.id, b.id, rest_a, rest_b, new)
            return joined._replace(id=new)
        if a.maybe_null:
            lookups = ("null", a.id, b.id)
            self._relate("null", a.id, b.id, lookups)
            return joined._replace(id=self._id(lookups))
        return joined

    def _lookup(self, a: int, b: int) -> int:
        """The joined `Ptr.lookup`."""
        pair = ("lookup", a, b)
        self._relate("lookup", a, b, pair)
        return a if a == b else self._id(pair)

    def _prove(self, id_a: int, id_b: int, rest_a: int, rest_b: int, new: int) -> None:
        """What both states know of the frame relative to the base of the joined id."""
        if new in self._placed:
            return
        self._placed.add(new)
        known_a, known_b = self._a.proven.get(id_a), self._b.proven.get(id_b)
        size_a = known_a.size - rest_a if known_a else 0
        size_b = known_b.size - rest_b if known_b else 0
        size = max(min(size_a, size_b), 0)
        self.lost_a += size < size_a
        self.lost_b += size < size_b
        proof = known_a if size_a <= size_b else known_b
        if size and proof:
            self.state.proven[new] = Proof(size, proof.slot)
        behind_a, behind_b = self._a.beyond.get(id_a), self._b.beyond.get(id_b)
        if behind_a is not None and behind_b is not None:
            self.state.beyond[new] = behind = max(behind_a - rest_a, behind_b - rest_b)
            self.lost_a += behind > behind_a - rest_a
            self.lost_b += behind > behind_b - rest_b
        else:
            self.lost_a += behind_a is not None
            self.lost_b += behind_b is not None

    def _join_frame(self) -> None:
        """What was shown of the frame holds for pointers that are still to be loaded, whether any is held or not."""
        for base in (DATA, META):
            self._prove(base, base, 0, 0, base)

    def _join_records(self) -> None:
        a, b = self._a.reserved, self._b.reserved
        for point in a.keys() & b.keys():
            written = a[point].written & b[point].written
            self.state.reserved[point] = a[point]._replace(written=written)
            self.lost_a += written != a[point].written
            self.lost_b += written != b[point].written

    def _join_stacks(self) -> None:
        a, b, s = self._a, self._b, self.state
        s.written = a.written & b.written
        self.lost_a += a.written != s.written
        self.lost_b += b.written != s.written
        if self._is_enough():
            return
        theirs, joined = b.stack, s.stack
        for at, entry in a.stack.items():
            size, value = entry
            if theirs.get(at) is entry and isinstance(value, Num) and not value.id:  # mostly: states are copies
                joined[at] = entry
                continue
            other = self._same_bytes(b, at, size)
            if other is None:
                self._drop(value, at, size)
                self.lost_a += isinstance(value, Ptr)
            else:
                both = self._value(value, other, bool(self._bytes >> at & (1 << size) - 1))
                joined[at] = entry if both is value else (size, both)
            if self._is_enough():
                return
        for at, (size, value) in b.stack.items():
            if at in a.stack and a.stack[at][0] == size:
                continue
            if self._is_enough():
                return
            if at in a.stack or stack.holds_any(s, at, size):
                self._lose_rest(value, at, size)
                continue
            mine = self._same_bytes(a, at, size)
            if mine is None:
                self._drop(value, at, size)
                self.lost_b += isinstance(value, Ptr)
            else:
                s.stack[at] = size, self._value(mine, value, bool(self._bytes >> at & (1 << size) - 1))

    def _lose_rest(self, value: Value, at: int, size: int) -> None:
        """Count what ``b`` knows of a value of which ``a`` has parts only."""
        kept = self._same_bytes(self.state, at, size)
        if isinstance(value, Num) and isinstance(kept, Num):
            decisive = bool(self._bytes >> at & (1 << size) - 1)
            self.lost_b += decisive and kept.number != value.number
            self.merged = self.merged or kept.number != value.number
        else:
            self.lost_b += kept != value

    @staticmethod
    def _same_bytes(state: State, at: int, size: int) -> Value | None:
        """What a state holds where the other one holds one value."""
        entry = state.stack.get(at)
        if entry is not None and entry[0] == size:
            return entry[1]
        if not stack.is_written(state, at, size):
            return None
        try:
            return stack.read(state, at, size)
        except (Failure, Unbuildable):
            return None

    def _drop(self, value: Value, at: int, size: int) -> None:
        """A slot that only one state has: half of a pointer must not be read as a number."""
        if isinstance(value, Ptr):
            stack.unwrite(self.state, at, size)


def shape(state: State, *, with_places: bool = True) -> Hashable:
    """What states must have in common to be joined without making registers useless. ``with_places``: pointers into the
    stack must lead to the same byte of it, so that what they store there stays known."""
    return (
        state.lock and state.lock[0],
        state.iterators,
        tuple(sorted((point, reserved._replace(written=0)) for point, reserved in state.reserved.items())),
        tuple([_shape(value, with_places) for value in state.registers.values()]),
        tuple(sorted((at, _shape(v, with_places)) for at, (_, v) in state.stack.items() if isinstance(v, Ptr))),
    )


def _shape(value: Value, with_places: bool) -> Hashable:
    if isinstance(value, Num) or value == UNDEFINED:
        return ""
    if isinstance(value, Ptr):
        placed = value.kind in (Kind.FUNCTION, Kind.ITERATOR) or (value.kind is Kind.STACK and with_places)
        place = value.offset if placed else 0
        return value.kind.value, value.map or "", value.frame, value.maybe_null, value.half, value.stale, place
    return "-"


class Apart(NamedTuple):
    """How many states of one shape are kept apart at a point. ``blur``: states that differ in ranges only are not."""

    per_shape: int
    blur: bool = False


_NEAR = 8
"""In a large group a state is compared with so many others only, the latest: they are the most similar ones."""


_MANY_PLACES = 64
"""States are apart by where the frame may begin (it doubles with each bpf_xdp_adjust_head), up to so many shapes."""

_MANY_STACK_PLACES = 16
"""The first attempt joins states that point to more places of the stack, as a program does that fills an array with
pieces of lengths that it does not know."""

_UNBOUNDED = 1 << 30
"""More losses than there can be."""


def gather(states: Sequence[State], apart: Apart, fresh: Callable[[], int], decisive: Decisive) -> list[State]:
    """States that cover all of ``states``, so many kept ``apart``, the most similar ones joined."""
    keys: list[Hashable] = [(state.head, state.meta, shape(state)) for state in states]
    if len(set(keys)) > _MANY_PLACES:
        keys = [shape(state) for state in states]
    if apart.per_shape == 1 and len(set(keys)) > _MANY_STACK_PLACES:
        anywhere = [shape(state, with_places=False) for state in states]
        if len(set(keys)) > _MANY_STACK_PLACES * len(set(anywhere)):
            keys = anywhere
    groups: dict[Hashable, list[State]] = {}
    for key, state in zip(keys, states, strict=True):
        group = groups.setdefault(key, [])
        best, best_loss = -1, _UNBOUNDED
        best_join: Join | None = None
        first = 0 if len(group) <= 2 * _NEAR else len(group) - _NEAR
        for position in range(first, len(group)):
            limit = 0 if len(group) < apart.per_shape else best_loss
            join = Join(group[position], state, fresh, decisive, limit=limit, blur=apart.blur)
            if join.abandoned:
                continue
            if not join.lost_a and not join.merged:  # the other one covers ``state``
                break
            if not join.lost_b and not join.merged:
                group[position] = state
                break
            if not join.lost_a or not join.lost_b:
                group[position] = join.state
                break
            loss = join.lost_a + join.lost_b
            if apart.blur and loss == join.blurred:
                group[position] = join.state
                break
            if loss < best_loss:
                best, best_loss, best_join = position, loss, join
        else:
            if len(group) < apart.per_shape or best_join is None:
                group.append(state)
            else:
                group[best] = best_join.state
    return [state for group in groups.values() for state in group]
