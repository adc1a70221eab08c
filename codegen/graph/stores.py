"""Stores to the frame at places that depend on it, kept back as long as nobody needs to know where they went.

A program that moves the frame's head writes headers byte for byte behind a pointer of which only the frame knows
where it points. Each such store could change any byte of the window. So stores behind one pointer are put together, and
spread over the window once, at the end of the program. A load in between gets its bytes from the window as it was
before, and from the stores that it may meet.

Stores are guarded by the predicate of their path, so that joined paths can keep theirs one behind the other: those of
different paths never happen both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from .construct import Construct
from .ir import Node
from .place import between, signed_64, spread
from .predicates import FALSE, Predicates
from .values import Memory

Byte = tuple[Node, int]
"""8 bits, and the predicate under which they were stored (with the path)."""

_BITS = 18  # of a signed position in the frame, with room for differences


@dataclass(frozen=True, slots=True)
class Place:
    """Where an access behind a pointer begins: ``base + offset``, where ``base`` is a 64-bit node, low..high in steps
    of ``step`` bytes."""

    base: Node
    offset: int
    low: int
    high: int
    step: int

    @staticmethod
    def of(c: Construct, pointer: Node, displacement: int, low: int, high: int, step: int) -> Place:
        """Of an access at ``pointer + displacement``, which is low..high in steps of ``step``."""
        if low == high:
            return Place(c.const(0, 64), low, 0, 0, 1)
        base, offset = pointer, displacement
        if base.op == "add" and base.args[1].op == "const":
            base, offset = base.args[0], offset + signed_64(base.args[1].attr)
        return Place(base, offset, low - offset, high - offset, step)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """All that was stored behind one pointer: ``held[k]`` at ``base + k``, where ``base`` is as `Place` has it."""

    base: Node
    low: int
    high: int
    step: int
    held: Mapping[int, Byte]

    @property
    def first(self) -> int:
        """The lowest position that it may change."""
        return self.low + min(self.held)

    @property
    def end(self) -> int:
        """Behind the highest one."""
        return self.high + max(self.held) + 1

    def meets(self, first: int, end: int) -> bool:
        """Whether it may change one of these positions."""
        return self.first < end and first < self.end

    def with_bytes(self, low: int, high: int, step: int, held: Mapping[int, Byte]) -> Group:
        """With other bytes as well, for which ``base`` is low..high. A byte that is in both is the new one."""
        lowest, highest = min(self.low, low), max(self.high, high)
        return Group(self.base, lowest, highest, math.gcd(self.step, step, self.low - low), {**self.held, **held})

    def restricted(self, p: Predicates, path: int) -> Group | None:
        """What happens on a path; None if nothing."""
        held = {k: (byte, p.both(when, path)) for k, (byte, when) in self.held.items()}
        held = {k: each for k, each in held.items() if each[1] != FALSE}
        return replace(self, held=held) if held else None


@dataclass(frozen=True, slots=True, eq=False)
class Stores:
    """``groups``: in an order in which stores that may meet are in that of the program. ``effort``: what loads have
    cost by looking through these groups, in bytes."""

    groups: tuple[Group, ...] = ()
    effort: int = 0

    def meets(self, first: int, end: int) -> bool:
        """Whether one of them may have changed one of these positions."""
        return any(group.meets(first, end) for group in self.groups)

    def with_store(self, place: Place, data: Sequence[Node], path: int) -> Stores:
        """One more."""
        held = {place.offset + i: (byte, path) for i, byte in enumerate(data)}
        new = Group(place.base, place.low, place.high, place.step, held)
        groups = list(self.groups)
        for number in range(len(groups) - 1, -1, -1):
            if groups[number].base is place.base:
                groups[number] = groups[number].with_bytes(place.low, place.high, place.step, held)
                return replace(self, groups=tuple(groups))
            if groups[number].meets(new.first, new.end):
                break
        return replace(self, groups=(*groups, new))

    def after_load(self, place: Place, first: int, end: int, size: int) -> Stores | None:
        """Let a load of ``size`` bytes, positions [first, end), look through them; None if spreading them all is less
        work than all that loads have done."""
        groups = [group for group in self.groups if group.base is not place.base and group.meets(first, end)]
        effort = self.effort + sum(len(group.held) + size for group in groups)
        return replace(self, effort=effort) if effort <= sum(group.end - group.first for group in self.groups) else None

    def seen(self, c: Construct, p: Predicates, path: int, place: Place, first: int, end: int, value: Node) -> Node:
        """What a load from ``place``, positions [first, end), gets that would get ``value`` without them."""
        size = value.width // 8
        data = [c.slice(value, 8 * i, 8) for i in range(size)]
        for group in self.groups:
            if group.meets(first, end):
                data = _through(c, p, path, group, place, data)
        return c.concat(data)

    def spread(self, c: Construct, p: Predicates, path: int, memory: Memory, first: int, end: int) -> None:
        """Do all of them, on a path, to a memory with positions [first, end)."""
        for group in self.groups:
            _spread(c, p, path, group, memory, first, end)


def _through(c: Construct, p: Predicates, path: int, group: Group, place: Place, data: list[Node]) -> list[Node]:
    """The bytes of a load with a group's stores done."""
    held = {k: (byte, p.given(when, path)) for k, (byte, when) in group.held.items()}
    if group.base is place.base:
        bytes_at = [held.get(place.offset + i) for i in range(len(data))]
        return [old if at is None else c.mux(p.node(at[1]), at[0], old) for at, old in zip(bytes_at, data, strict=True)]
    size, lowest = len(data), min(held)
    count = max(held) + 1 - lowest
    # The load begins `distance` - (size - 1) bytes behind the group's first one.
    target = c.slice(c.add(group.base, c.const(lowest - size + 1, 64)), 0, _BITS)
    distance = c.sub(c.slice(c.add(place.base, c.const(place.offset, 64)), 0, _BITS), target)
    near = c.ult(distance, c.const(count + size - 1, _BITS))
    amount = c.slice(distance, 0, max(1, (count + size - 2).bit_length()))
    nothing = c.const(0, 8), FALSE
    row = [nothing] * (size - 1) + [held.get(lowest + i, nothing) for i in range(count)]
    row_bytes, row_bits = c.concat([byte for byte, _ in row]), c.concat([p.node(when) for _, when in row])
    shifted = c.op("lshr", row_bytes.width, row_bytes, c.concat([c.const(0, 3), amount]))
    stored = c.op("lshr", row_bits.width, row_bits, amount)
    return [c.mux(c.and_(near, c.slice(stored, i, 1)), c.slice(shifted, 8 * i, 8), old) for i, old in enumerate(data)]


def _spread(c: Construct, p: Predicates, path: int, group: Group, memory: Memory, first: int, end: int) -> None:
    """Do a group's stores."""
    held = {k: (byte, p.given(when, path)) for k, (byte, when) in group.held.items()}
    lowest = min(held)
    data = [held.get(k, (c.const(0, 8), FALSE)) for k in range(lowest, max(held) + 1)]
    where = between(c, c.add(group.base, c.const(lowest, 64)), group.low + lowest, group.high + lowest, group.step)
    for when in dict.fromkeys(when for _, when in data if when != FALSE):
        mask = sum(1 << i for i, (_, each) in enumerate(data) if each == when)
        for position, enable, new in spread(c, where, [byte for byte, _ in data], mask, p.node(when)):
            if first <= position < end:
                memory.write(position, 1, c.mux(enable, new, memory.byte(position)))


def merge(c: Construct, p: Predicates, edges: Sequence[tuple[int, Stores]]) -> Stores:
    """The stores of joined paths; ``edges``: their predicates, which are disjoint, and what each has kept back."""
    first = edges[0][1]
    if all(stores.groups == first.groups for _, stores in edges):
        return first
    common = 0
    for groups in zip(*(stores.groups for _, stores in edges), strict=False):
        if any(group is not groups[0] for group in groups):
            break
        common += 1
    merged: list[Group] = []
    for path, stores in edges:
        least = 0  # stores of one path stay in their order
        for whole in stores.groups[common:]:
            group = whole.restricted(p, path)
            if group is None:
                continue
            same = (i for i in range(least, len(merged)) if merged[i].base is group.base)
            number = next(same, len(merged))
            if number == len(merged):
                merged.append(group)
            else:
                merged[number] = _either(c, p, merged[number], group)
            least = number
    effort = max(stores.effort for _, stores in edges)
    return Stores((*first.groups[:common], *merged), effort)


def _either(c: Construct, p: Predicates, a: Group, b: Group) -> Group:
    """Two groups behind one pointer that never happen both."""

    def byte(k: int) -> Byte:
        if k not in a.held:
            return b.held[k]
        old, before = a.held[k]
        new, when = b.held[k]
        happens = p.either(before, when)
        return c.mux(p.node(p.given(when, happens)), new, old), happens

    return a.with_bytes(b.low, b.high, b.step, {k: byte(k) for k in b.held})
