"""Loads, stores and atomic operations of one instruction: stack, frame, context and map values."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from ...hdl.errors import Refused
from ..isa import Atomic
from ..verify import result as facts
from ..verify.result import Kind
from .access import refuse_stale
from .extent import WINDOW_KINDS
from .ir import INPUTS, Node
from .place import Span, load, signed_64, span, store
from .predicates import FALSE
from .registers import RegisterView
from .state import Row, State, join
from .stores import Place, Stores
from .values import STACK_KINDS, MapEntry, Memory, Pointer, Union, Value

T = TypeVar("T")

STACK_BYTES = 512

POSITION_BITS = 18
"""Of a signed position in the frame, with room for sums."""

CONTEXT = {12: "ifindex", 16: "rx_queue"}
"""Offsets of struct xdp_md (include/uapi/linux/bpf.h) that are plain inputs."""


class MemoryAccess(RegisterView):
    """What an instruction can do to memory."""

    def read_memory(self, register: int, size: int, signed: bool) -> Value:
        value = self.value(register)
        if isinstance(value, Union):
            parts = []
            for q, part in value.alternatives:
                if isinstance(part, Pointer):
                    loaded = self.load_pointer(part, self.pointer_fact(register, part), size, signed)
                    if not isinstance(loaded, Node):
                        raise Refused(
                            "a pointer is loaded through a pointer of several kinds",
                            "load it on each path separately",
                        )
                    parts.append((q, loaded))
            return self.select(parts)
        assert isinstance(value, Pointer), f"load through {value}"
        return self.load_pointer(value, self.pointer_fact(register, value), size, signed)

    def load_pointer(self, pointer: Pointer, fact: facts.Pointer, size: int, signed: bool) -> Value:
        c = self.c
        if pointer.kind is Kind.CTX:
            return self.load_context(signed_64(pointer.offset.attr + self.i.offset))
        if pointer.kind in STACK_KINDS:
            stack = self.state.stacks[pointer.frame]
            where = self.span(pointer, fact, self.i.offset, size, -STACK_BYTES, -size)
            if where.constant is not None and size == 8:
                held = stack.read(where.constant, size) if not self.partial_pointer(stack, where.constant, 8) else None
                if held is not None:
                    return held
        loaded = self.load_bytes(pointer, fact, self.i.offset, size)
        return c.sext(loaded, 64) if signed else c.zext(loaded, 64)

    def partial_pointer(self, stack: Memory, position: int, size: int) -> bool:
        """Whether some but not all bytes are of one pointer; privileged programs may read those as numbers."""
        if not stack.holds_pointer(position, size):
            return False
        try:
            return isinstance(stack.read(position, size), Node)
        except TypeError:
            return True

    def span(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int, low: int, high: int) -> Span:
        return span(self.c, pointer.offset, fact.offset, displacement, low, high)

    def load_context(self, offset: int) -> Value:
        frame = self.state.frame
        if offset in CONTEXT:
            name = CONTEXT[offset]
            return self.c.zext(self.c.input(name, INPUTS[name]), 64)
        kinds = {
            0: (Kind.PACKET, frame.data),
            4: (Kind.PACKET_END, frame.data_end),
            8: (Kind.PACKET_META, frame.data_meta),
        }
        if offset not in kinds:
            raise Refused(
                f"field at offset {offset} of struct xdp_md has no hardware",
                "use data, data_end, data_meta, ingress_ifindex and rx_queue_index only",
            )
        return Pointer(*kinds[offset])

    def load_bytes(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int) -> Node:
        """``size`` bytes behind a pointer as a node of 8*size bits."""
        state = self.state
        if pointer.kind in STACK_KINDS:
            stack = state.stacks[pointer.frame]

            def byte(position: int) -> Node:
                if stack.holds_pointer(position, 1):
                    return self.c.const(0, 8)  # the bits of an address: nobody may depend on them
                return stack.byte(position)

            return load(self.c, self.span(pointer, fact, displacement, size, -STACK_BYTES, -size), size, byte)
        if pointer.kind in WINDOW_KINDS:
            return self.load_frame_bytes(pointer, fact, displacement, size)
        if pointer.kind is Kind.MAP_VALUE:
            return self.load_row(pointer, fact, displacement, size)
        if pointer.kind is Kind.MAP_KEY:
            assert pointer.map is not None
            where = self.span(pointer, fact, displacement, size, 0, self.b.maps[pointer.map].key_size - size)
            return load(self.c, where, size, lambda position: self.c.const(pointer.frame >> 8 * position & 0xFF, 8))
        if pointer.kind is Kind.RECORD:
            where = self.record_span(pointer, fact, displacement, size)
            return load(self.c, where, size, state.records[pointer.record].byte)
        raise Refused(f"a load through a {pointer.kind.value} pointer", "load from the frame, the stack or a map value")

    def load_frame_bytes(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int) -> Node:
        c, state = self.c, self.state
        where = self.packet_span(pointer, fact, displacement, size, self.b.extent.reach)
        place, first, end = self.place(pointer, displacement, where), where.low, where.high + size
        stores = state.stores.after_load(place, first, end, size)
        if stores is None:
            self.spread_stores()
        else:
            state.stores = stores
        if end > self.b.extent.window:
            loaded = self.load_stored(pointer, where, displacement, size)
        else:
            loaded = load(c, where, size, state.packet.byte)
        return state.stores.seen(c, self.p, state.predicate, place, first, end, loaded)

    def place(self, pointer: Pointer, displacement: int, where: Span) -> Place:
        return Place.of(self.c, pointer.whole, displacement, where.low, where.high, where.step)

    def spread_stores(self) -> None:
        """Do all stores to the frame that were kept back, for what looks at many of its bytes."""
        state, extent = self.state, self.b.extent
        state.stores.spread(self.c, self.p, state.predicate, state.packet, -extent.headroom, extent.window)
        state.stores = Stores()

    def record_span(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int) -> Span:
        last = self.b.reservations[pointer.record].size - size
        return self.span(pointer, fact, displacement, size, 0, last)

    def packet_span(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int, end: int) -> Span:
        return self.span(pointer, fact, displacement, size, -self.b.extent.headroom, end - size)

    def load_stored(self, pointer: Pointer, where: Span, displacement: int, size: int) -> Node:
        """A load that may reach behind the window: from the frame store, which has the frame as it was received."""
        b, c, state = self.b, self.c, self.state
        position = c.slice(c.add(pointer.offset, c.const(displacement, 64)), 0, POSITION_BITS)
        stored = b.stored_bytes(state.predicate, c.slice(position, 0, 16), size)

        def below(bound: Node, i: int) -> Node:
            """Whether byte i of the load lies in front of a position."""
            return c.slt(c.add(position, c.const(i, POSITION_BITS)), c.slice(bound, 0, POSITION_BITS))

        data = [c.slice(stored, 8 * i, 8) for i in range(size)]
        if state.frame.limit is not b.received_length:
            data = [c.mux(below(state.frame.limit, i), byte, c.const(0, 8)) for i, byte in enumerate(data)]
        window = b.extent.window
        if any(state.packet.byte(p) is not b.stored_byte(p) for p in range(min(where.low, window), window)):
            index = c.sub(position, c.const(where.low, POSITION_BITS))
            bits = (window - 1 - where.low).bit_length()
            front = load(
                c, Span(where.low, window - 1, 1, c.slice(index, 0, bits)), size,
                lambda p: state.packet.byte(p) if p < window else c.const(0, 8),
            )
            inside = [below(c.const(window, 64), i) for i in range(size)]
            data = [c.mux(inside[i], c.slice(front, 8 * i, 8), byte) for i, byte in enumerate(data)]
        return c.concat(data)

    def write_memory(self, register: int, size: int, value: Value) -> None:
        target = self.value(register)
        if isinstance(target, Union):
            self.write_union(register, target, size, value)
            return
        assert isinstance(target, Pointer), f"store through {target}"
        self.store_pointer(target, self.pointer_fact(register, target), size, value)

    def write_union(self, register: int, target: Union, size: int, value: Value) -> None:
        """Each alternative is written on a path of its own."""
        self.on_each(
            _pointers(target), lambda part: self.store_pointer(part, self.pointer_fact(register, part), size, value)
        )

    def on_each(self, ways: Iterable[tuple[int, T]], act: Callable[[T], None]) -> None:
        """``act`` for each of several ways a value can be, on forks of the state, which join again."""
        rest = self.state.predicate
        states = []
        for q, part in ways:
            q = self.p.both(q, rest)
            if q == FALSE:
                continue
            rest = self.p.both(rest, self.p.invert(q))
            whole = self.state
            self.enter_state(whole.on_edge(self.p, q))
            act(part)
            states.append(self.state)
            self.enter_state(whole)
        predicate = self.state.predicate
        self.enter_state(join(self.c, self.p, states, self.b.rows.new_epoch))
        self.state.predicate = predicate

    def enter_state(self, state: State) -> None:
        self.state = state
        self.registers = state.registers[-1]

    def store_pointer(self, pointer: Pointer, fact: facts.Pointer, size: int, value: Value) -> None:
        c, state, displacement = self.c, self.state, self.i.offset
        if pointer.kind is Kind.STACK:
            stack = state.stacks[pointer.frame]
            where = self.span(pointer, fact, displacement, size, -STACK_BYTES, -size)
            if where.constant is not None and size == 8:
                stack.write(where.constant, size, value)
            elif size == 8 and _holds_pointer(value):
                self.spill(pointer.frame, where, value)
            else:
                self.store_memory(stack, where, size, self.as_number(value))
            return
        data = c.slice(self.as_number(value), 0, 8 * size)
        if pointer.kind in WINDOW_KINDS:
            where = self.packet_span(pointer, fact, displacement, size, self.b.extent.window)
            if where.constant is not None and not state.stores.meets(where.low, where.high + size):
                state.packet.write(where.constant, size, data)
                return
            place, stored = self.place(pointer, displacement, where), [c.slice(data, 8 * i, 8) for i in range(size)]
            state.stores = state.stores.with_store(place, stored, state.predicate)
        elif pointer.kind is Kind.MAP_VALUE:
            self.store_row(pointer, fact, displacement, size, data)
        elif pointer.kind is Kind.RECORD:
            where = self.record_span(pointer, fact, displacement, size)
            self.store_memory(state.records[pointer.record], where, size, data)
        else:
            raise Refused(
                f"a store through a {pointer.kind.value} pointer",
                "store to the frame, the stack or a map value",
            )

    def spill(self, frame: int, where: Span, value: Value) -> None:
        """A pointer goes to one of several places of the stack: to each on a path of its own."""
        c, index = self.c, where.index
        assert index is not None
        places = [
            (self.p.of(c.eq(index, c.const(k, index.width))), low)
            for k, low in enumerate(range(where.low, where.high + 1, where.step))
        ]
        self.on_each(
            places,
            lambda low: self.state.stacks[frame].write(low, 8, value),
        )

    def as_number(self, value: Value) -> Node:
        if isinstance(value, Node):
            return value
        if isinstance(value, Union) and all(isinstance(v, Node) for _, v in value.alternatives):
            return self.select([(q, v) for q, v in value.alternatives if isinstance(v, Node)])
        raise Refused(
            "a pointer is stored outside of the stack, where its bits would be seen",
            "store numbers, not pointers",
        )

    def store_memory(self, memory: Memory, where: Span, size: int, value: Node) -> None:
        data = self.c.slice(value, 0, 8 * size)
        if where.constant is not None:
            memory.write(where.constant, size, data)
            return

        def byte(position: int) -> Node:
            return self.c.const(0, 8) if memory.holds_pointer(position, 1) else memory.byte(position)

        for position, (_, new) in store(self.c, where, size, data, byte).items():
            memory.write(position, 1, new)

    # Map values

    def row_spans(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int) -> tuple[Span, int]:
        assert pointer.map is not None
        spec = self.b.maps[pointer.map]
        where = self.span(pointer, fact, displacement, size, 0, spec.value_size - size)
        return where, self.b.rows.row_bytes(pointer.map)

    def entry(self, pointer: Pointer) -> MapEntry:
        entry = pointer.entry
        assert entry is not None and pointer.map is not None
        if not self.p.exclusive(entry.stale, self.state.predicate):
            raise refuse_stale(pointer.map)
        return entry

    def load_row(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int) -> Node:
        rows, state, entry = self.b.rows, self.state, self.entry(pointer)
        assert pointer.map is not None
        spec = self.b.maps[pointer.map]
        where, row_bytes = self.row_spans(pointer, fact, displacement, size)
        single_row = where.low // row_bytes == (where.high + size - 1) // row_bytes
        if where.constant is not None or single_row or (spec.readonly and spec.initial is not None):
            made = {
                r: rows.row(pointer.map, entry, r)
                for r in range(where.low // row_bytes, (where.high + size - 1) // row_bytes + 1)
            }
            return load(
                self.c,
                where,
                size,
                lambda position: rows.load_byte(state, made[position // row_bytes], position % row_bytes),
            )
        row, inner = self.variable_row(pointer.map, entry, where, size, row_bytes)
        return load(self.c, inner, size, lambda position: rows.load_byte(state, row, position))

    def variable_row(self, name: str, entry: MapEntry, where: Span, size: int, row_bytes: int) -> tuple[Row, Span]:
        """The row and the place in it for an access whose row is not constant."""
        c, rows = self.c, self.b.rows
        aligned = where.step >= size and where.low % size == 0 and row_bytes % size == 0
        if not aligned or row_bytes & (row_bytes - 1):
            raise Refused(
                f"an access of {size} bytes at a variable offset of a {self.b.maps[name].value_size}-byte value of map "
                f"{name} may cross two of its {row_bytes}-byte memory rows",
                "align the field to its size, or make the value smaller",
            )
        bits = row_bytes.bit_length() - 1
        assert where.index is not None
        step_bits = where.step.bit_length() - 1
        position = c.concat([c.const(0, step_bits), where.index]) if step_bits else where.index
        width = max(position.width, where.high.bit_length() + 1, bits + 1)
        position = c.add(c.zext(position, width), c.const(where.low, width))
        row = rows.row(name, entry, c.slice(position, bits, width - bits))
        step = max(where.step if where.low % where.step == 0 else size, size)
        step = min(step, row_bytes)
        shift = step.bit_length() - 1
        index = c.slice(position, shift, bits - shift) if bits > shift else None
        return row, Span(0, row_bytes - step, step, index)

    def store_row(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int, data: Node) -> None:
        rows, state, entry = self.b.rows, self.state, self.entry(pointer)
        assert pointer.map is not None
        where, row_bytes = self.row_spans(pointer, fact, displacement, size)
        if where.constant is None and where.low // row_bytes != (where.high + size - 1) // row_bytes:
            row, inner = self.variable_row(pointer.map, entry, where, size, row_bytes)
            self.store_in_row(row, inner, size, data)
            return
        for position, (enable, new) in store(
            self.c,
            where,
            size,
            data,
            lambda position: self.c.const(0, 8),
        ).items():
            row = rows.row(pointer.map, entry, position // row_bytes)
            if not (enable.op == "const" and enable.attr):
                new = self.c.mux(enable, new, rows.load_byte(state, row, position % row_bytes))
            rows.store_byte(state, row, position % row_bytes, new)

    def store_in_row(self, row: Row, where: Span, size: int, data: Node) -> None:
        rows, state = self.b.rows, self.state
        old = {p: rows.load_byte(state, row, p) for p in range(where.low, where.high + size)}
        for position, (_, new) in store(self.c, where, size, data, lambda p: old[p]).items():
            rows.store_byte(state, row, position, new)

    def atomic(self) -> None:
        """One frame after the other owns its map entry, so an atomic access is a load and a store."""
        i, c = self.i, self.c
        if i.imm == Atomic.LOAD_ACQUIRE:
            self.set(i.dst, self.read_memory(i.src, i.size, False))
            return
        if i.imm == Atomic.STORE_RELEASE:
            self.write_memory(i.dst, i.size, self.value(i.src))
            return
        old = self.read_memory(i.dst, i.size, False)
        if not isinstance(old, Node):
            raise Refused("an atomic access to a pointer", "use numbers")
        operand = self.number(i.src)
        bits = 8 * i.size
        narrow, x = c.slice(old, 0, bits), c.slice(operand, 0, bits)
        fetch = bool(i.imm & Atomic.FETCH)
        if i.imm == Atomic.XCHG:
            new = x
        elif i.imm == Atomic.CMPXCHG:
            expected = c.slice(self.number(0), 0, bits)
            new = c.mux(c.eq(narrow, expected), x, narrow)
        else:
            names = {Atomic.ADD: "add", Atomic.OR: "or", Atomic.AND: "and", Atomic.XOR: "xor"}
            new = c.op(names[Atomic(i.imm & ~Atomic.FETCH)], bits, narrow, x)
        self.write_memory(i.dst, i.size, c.zext(new, 64))
        self.registers = self.state.registers[-1]
        if i.imm == Atomic.CMPXCHG:
            self.set(0, old)
        elif fetch:
            self.set(i.src, old)


def _pointers(value: Union) -> list[tuple[int, Pointer]]:
    return [(q, part) for q, part in value.alternatives if isinstance(part, Pointer)]


def _holds_pointer(value: Value) -> bool:
    return isinstance(value, Pointer) or (isinstance(value, Union) and bool(_pointers(value)))
