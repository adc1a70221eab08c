"""Everything that a program has at one point on the way through it: registers, stack, frame, map rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from .construct import Construct
from .ir import Node
from .predicates import FALSE, Predicates
from .stores import Stores, merge
from .values import MapEntry, Memory, Merger, Pointer, Union, Value


@dataclass(slots=True)
class Row:
    """A row of a map value with bytes that are not written back yet.

    ``base`` and ``index``: the entry's address node and the row's number if it is constant, to tell rows that
    cannot be the same. ``dirty``: byte -> where it was stored (a predicate that includes the path).
    """

    map: str
    address: Node
    base: Node
    index: int | None
    entry: MapEntry
    bytes: dict[int, Node] = field(default_factory=dict)
    dirty: dict[int, int] = field(default_factory=dict)

    def fork(self) -> Row:
        """An independent copy."""
        return Row(self.map, self.address, self.base, self.index, self.entry, dict(self.bytes), dict(self.dirty))

    def may_be(self, other: Row) -> bool:
        """Whether the two can be the same row of one map."""
        if self.map != other.map:
            return False
        if self.base is other.base and None not in (self.index, other.index):
            return self.index == other.index
        both_constant = self.address.op == other.address.op == "const"
        return not both_constant or self.address is other.address


@dataclass(slots=True)
class FramePositions:
    """The ends of the frame as 64-bit nodes: byte offsets from the original data start.

    Behind ``limit`` all bytes are zero (the least data end so far).
    """

    data: Node
    data_end: Node
    data_meta: Node
    limit: Node

    def fork(self) -> FramePositions:
        """An independent copy."""
        return FramePositions(self.data, self.data_end, self.data_meta, self.limit)


@dataclass(slots=True)
class State:
    """``registers[d]`` and ``stacks[d]`` belong to call depth d. ``epochs``: map -> number that changes whenever
    the map's memory may have (see `access.Rows`). ``calls``: helper -> 64-bit count of its calls on this path.
    ``records``: what is in records of ring buffers, by the number of the reservation. ``taken``: ring buffer -> bytes
    of it that are taken so far (32 bits). ``stores``: what was stored to the frame and is not in ``packet`` yet."""

    predicate: int
    registers: list[dict[int, Value]]
    stacks: list[Memory]
    frame: FramePositions
    packet: Memory
    redirect: Node
    rows: dict[tuple[str, int], Row] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    calls: dict[int, Node] = field(default_factory=dict)
    records: dict[int, Memory] = field(default_factory=dict)
    taken: dict[str, Node] = field(default_factory=dict)
    stores: Stores = field(default_factory=Stores)

    def fork(self) -> State:
        """An independent copy."""
        return State(
            self.predicate,
            [dict(r) for r in self.registers],
            [s.fork() for s in self.stacks],
            self.frame.fork(),
            self.packet.fork(),
            self.redirect,
            {k: r.fork() for k, r in self.rows.items()},
            dict(self.epochs),
            dict(self.calls),
            {number: memory.fork() for number, memory in self.records.items()},
            dict(self.taken),
            self.stores,
        )

    def on_edge(self, predicates: Predicates, condition: int) -> State:
        """The state behind a branch; ``condition`` includes the path."""
        state = self.fork()
        state.predicate = condition
        for row in state.rows.values():
            row.dirty = {b: predicates.both(d, condition) for b, d in row.dirty.items()}
        return state

    def every_pointer(self, change: Callable[[Pointer], Pointer]) -> None:
        """Replace all pointers held anywhere."""

        def visit(value: Value) -> Value:
            if isinstance(value, Pointer):
                return change(value)
            if isinstance(value, Union):
                parts = tuple((q, p if isinstance(p, Node) else change(p)) for q, p in value.alternatives)
                same = all(a[1] is b[1] for a, b in zip(parts, value.alternatives, strict=True))
                return value if same else Union(parts)
            return value

        for registers in self.registers:
            for register, value in registers.items():
                registers[register] = visit(value)
        for stack in self.stacks:
            stack.transform(visit)


def join(c: Construct, p: Predicates, states: list[State], new_epoch: Callable[[str, int], int]) -> State:
    """The state where the edges meet. ``new_epoch(map, predicate)`` numbers a map state that depends on the path."""
    if len(states) == 1:
        return states[0]
    merger = Merger(c, p, [s.predicate for s in states])
    first = states[0]
    registers = []
    for depth in range(len(first.registers)):
        # A register without a value on some edge is dead: verification would have refused a read.
        names = {r for s in states for r in s.registers[depth]}
        merged: dict[int, Value] = {}
        for register in sorted(names):
            value = merger.values([s.registers[depth].get(register) for s in states])
            if value is not None:
                merged[register] = value
        registers.append(merged)
    frames = [s.frame for s in states]
    data = merger.nodes([f.data for f in frames])
    data_end = merger.nodes([f.data_end for f in frames])
    frame = FramePositions(
        data,
        data_end,
        # "No metadata" and "the end never moved" are seen by identity, so keep it.
        data if all(f.data_meta is f.data for f in frames) else merger.nodes([f.data_meta for f in frames]),
        data_end if all(f.limit is f.data_end for f in frames) else merger.nodes([f.limit for f in frames]),
    )
    zero = c.const(0, 64)
    helpers = {h for s in states for h in s.calls}
    maps = {m for s in states for m in s.epochs}
    rings = {name: None for s in states for name in s.taken}
    epochs = {}
    for name in maps:
        tokens = {s.epochs.get(name, 0) for s in states}
        epochs[name] = tokens.pop() if len(tokens) == 1 else new_epoch(name, merger.reach)
    return State(
        merger.reach,
        registers,
        [Memory.merge([s.stacks[d] for s in states], merger) for d in range(len(first.stacks))],
        frame,
        Memory.merge([s.packet for s in states], merger),
        merger.nodes([s.redirect for s in states]),
        _join_rows(c, p, states),
        epochs,
        {h: merger.nodes([s.calls.get(h, zero) for s in states]) for h in helpers},
        _join_records(c, p, states),
        {name: merger.nodes([s.taken.get(name, c.const(0, 32)) for s in states]) for name in rings},
        merge(c, p, [(s.predicate, s.stores) for s in states]),
    )


def _join_records(c: Construct, p: Predicates, states: list[State]) -> dict[int, Memory]:
    """A record that only some edges have is not touched where the others came from."""
    result = {}
    for number in {number: None for s in states for number in s.records}:
        holders = [s for s in states if number in s.records]
        merger = Merger(c, p, [s.predicate for s in holders])
        result[number] = Memory.merge([s.records[number] for s in holders], merger)
    return result


def _join_rows(c: Construct, p: Predicates, states: list[State]) -> dict[tuple[str, int], Row]:
    result: dict[tuple[str, int], Row] = {}
    for key in {k: None for s in states for k in s.rows}:
        holders = [(s.predicate, s.rows[key]) for s in states if key in s.rows]
        head = holders[0][1]
        merged = Row(head.map, head.address, head.base, head.index, head.entry)
        for position in {b: None for _, row in holders for b in row.dirty}:
            writers = [(edge, row) for edge, row in holders if row.dirty.get(position, FALSE) != FALSE]
            if not writers:
                continue
            merged.bytes[position] = Merger(c, p, [edge for edge, _ in writers]).nodes(
                [row.bytes[position] for _, row in writers]
            )
            dirty = FALSE
            for _, row in writers:
                dirty = p.either(dirty, row.dirty[position])
            merged.dirty[position] = dirty
        if merged.dirty:
            result[key] = merged
    return result
