"""From a verified program to its graph: symbolic execution of the unrolled program in topological order.

At every point there is one `State`; where edges meet, `state.join` makes muxes. Verification's facts say which kinds of
pointer an access can meet, where it can point, and which numbers are constant or narrow.
"""

from __future__ import annotations

from collections.abc import Mapping

from ...hdl.errors import HardpathError, Refused
from ...hdl.helpers.base import HelperPlugin, Ret
from ...hdl.helpers.registry import HELPERS
from ...hdl.maps.base import MapPlugin
from ...hdl.maps.registry import MAP_TYPES
from ..isa import Alu, Atomic, Class, Instruction, Jump, MapReference, Mode, reads
from ..verify import result as facts
from ..verify.result import Kind, Point, VerifiedProgram
from . import arithmetic
from .access import Rows, Span, load, refuse_stale, span, store
from .call import Call
from .construct import Construct
from .extent import Extent
from .ir import INPUTS, Graph, Node
from .predicates import FALSE, TRUE, Predicates
from .state import FramePositions, State, join
from .values import MapEntry, Memory, Pointer, Union, Value
from .window import finish

STACK_BYTES = 512
LONGEST = 0xFFFF

CONTEXT = {12: "ifindex", 16: "rx_queue"}
"""Offsets of struct xdp_md (include/uapi/linux/bpf.h) that are plain inputs."""


def build(
    verified: VerifiedProgram,
    *,
    width: int = 64,
    max_window: int = 1024,
    helpers: Mapping[int, HelperPlugin] = HELPERS,
    map_types: Mapping[int, MapPlugin] = MAP_TYPES,
) -> Graph:
    """The graph of a verified program.

    ``width``: bytes a beat; the window is a multiple of it. ``max_window``: most bytes of the frame's front that the
    program may get. Raises `Refused` with the place where the hardware cannot do what the program does.
    """
    return _Builder(verified, Extent.of(verified, helpers, width, max_window), helpers, map_types).run()


class _Builder:
    def __init__(
        self,
        verified: VerifiedProgram,
        extent: Extent,
        helpers: Mapping[int, HelperPlugin],
        map_types: Mapping[int, MapPlugin],
    ) -> None:
        self.program = verified.program
        self.points = verified.points
        self.maps = verified.maps
        self.extent = extent
        self.helpers = helpers
        self.map_types = map_types
        self.graph = Graph(window=extent.window, headroom=extent.headroom)
        self.c = Construct(self.graph)
        self.p = Predicates(self.c)
        self.rows = Rows(self.c, self.p, self.maps, map_types)
        self.window = self.c.input("window", 8 * extent.window)
        self.incoming: list[list[State]] = [[] for _ in self.points]
        self.exits: list[tuple[State, Node]] = []

    def run(self) -> Graph:
        """Build everything."""
        self.incoming[0].append(self._start())
        for point in self.points:
            self.c.slot = None
            state = join(self.c, self.p, self.incoming[point.index], self.rows.new_epoch)
            self.incoming[point.index] = []
            self.c.slot = point.slot
            try:
                _Step(self, point, state).run()
            except Refused as refusal:
                raise refusal.at(self.program.place(point.slot)) from refusal
            except (HardpathError, RecursionError):
                raise
            except Exception as error:
                error.add_note(f"while building {self.program.place(point.slot)}")
                raise
        self.c.slot = None
        finish(self.graph, self.c, self.p, self.rows, self.exits)
        return self.graph

    def _start(self) -> State:
        c = self.c
        zero = c.const(0, 64)
        length = c.zext(c.input("length", INPUTS["length"]), 64)
        return State(
            TRUE,
            [{1: Pointer(Kind.CTX, zero), 10: Pointer(Kind.STACK, zero, frame=0)}],
            [Memory(c, self._zero_byte)],
            FramePositions(zero, length, zero, length),
            Memory(c, self._window_byte),
            c.const(0, 32),
        )

    def _zero_byte(self, position: int) -> Node:
        return self.c.const(0, 8)

    def _window_byte(self, position: int) -> Node:
        """A byte of the frame as received; the headroom reads as zero, as in Linux's test runs."""
        if 0 <= position < self.extent.window:
            return self.c.slice(self.window, 8 * position, 8)
        return self.c.const(0, 8)


class _Step:
    """One instruction at one point."""

    def __init__(self, builder: _Builder, point: Point, state: State) -> None:
        self.b = builder
        self.c = builder.c
        self.p = builder.p
        self.point = point
        self.state = state
        self.i = builder.program.instructions[point.slot]
        self.registers = state.registers[-1]

    def run(self) -> None:
        i = self.i
        if i.is_conditional:
            self.branch()
            return
        if i.is_exit:
            self.exit()
            return
        if i.is_load64:
            self.set(i.dst, self.load64())
        elif i.is_alu:
            self.alu()
        elif i.is_load:
            self.set(i.dst, self.read_memory(i.src, i.size, i.mode == Mode.MEMSX))
        elif i.is_store:
            self.write_memory(i.dst, i.size, self.value(i.src) if i.cls == Class.STX else self.c.const(i.imm, 64))
        elif i.is_atomic:
            self.atomic()
        elif i.is_helper_call:
            self.call_helper()
        elif i.is_local_call:
            self.enter_function()
        elif not i.is_goto:
            raise Refused(f"opcode 0x{i.opcode:02x} has no hardware", "leave it out")
        self.go(self.point.successors[0].point, self.state)

    def go(self, point: int, state: State) -> None:
        self.b.incoming[point].append(state)

    # Registers and facts

    def set(self, register: int, value: Value) -> None:
        self.registers[register] = value

    def fact(self, register: int) -> facts.AbstractValue:
        return self.point.registers.get(register, facts.Scalar())

    def value(self, register: int) -> Value:
        """A register with everything that verification knows about it."""
        return self.refine(self.registers.get(register), self.point.registers.get(register))

    def refine(self, value: Value | None, fact: facts.AbstractValue | None) -> Value:
        if isinstance(fact, facts.Scalar) and fact.constant is not None:
            return self.c.const(fact.constant, 64)
        if value is None:
            return self.c.const(0, 64)  # never initialised on any path: nothing can depend on it
        if fact is None:
            return value
        if isinstance(fact, facts.Mixed):
            return self.refine_mixed(value, fact)
        parts: tuple[Node | Pointer, ...]
        parts = tuple(v for _, v in value.alternatives) if isinstance(value, Union) else (value,)
        if isinstance(fact, facts.Scalar):
            for part in parts:
                if isinstance(part, Node):
                    return arithmetic.narrow(self.c, part, fact)
            return self.null_or_value(parts[0])
        for part in parts:
            if isinstance(part, Pointer) and _matches(part, fact):
                return self.refine_pointer(part, fact)
        raise AssertionError(f"no {fact.kind.value} among {parts}")

    def null_or_value(self, part: Node | Pointer) -> Node:
        """A pointer where verification sees a number: a NULL that was told apart on the way here."""
        return self.c.const(0, 64)

    def refine_mixed(self, value: Value, fact: facts.Mixed) -> Value:
        if not isinstance(value, Union):
            return value
        kept = []
        for q, part in value.alternatives:
            q = self.p.both(q, self.state.predicate)
            for alternative in fact.alternatives:
                number = isinstance(part, Node) and isinstance(alternative, facts.Scalar)
                same = (
                    isinstance(part, Pointer) and isinstance(alternative, facts.Pointer) and _matches(part, alternative)
                )
                if q != FALSE and (number or same):
                    refined = self.refine(part, alternative)
                    assert not isinstance(refined, Union)
                    kept.append((q, refined))
                    break
        return kept[0][1] if len(kept) == 1 else Union(tuple(kept))

    def refine_pointer(self, pointer: Pointer, fact: facts.Pointer) -> Pointer:
        if pointer.kind is Kind.PACKET_END:
            return pointer
        offset = arithmetic.narrow(self.c, pointer.offset, fact.offset)
        if offset is pointer.offset:
            return pointer
        return Pointer(pointer.kind, offset, pointer.map, pointer.frame, pointer.entry)

    def number(self, register: int) -> Node:
        """A register that is a number."""
        value = self.value(register)
        if isinstance(value, Union):
            value = self.select([(q, v) for q, v in value.alternatives if isinstance(v, Node)])
        if not isinstance(value, Node):
            raise Refused(
                f"r{register} is a {value.kind.value} pointer where a number is needed: addresses have no "
                "meaning in hardware",
                "do not compute with the bits of a pointer",
            )
        return value

    def select(self, parts: list[tuple[int, Node]]) -> Node:
        """The alternative whose predicate holds."""
        result = parts[-1][1]
        care = self.state.predicate
        for q, node in reversed(parts[:-1]):
            result = self.c.mux(self.p.node(self.p.given(q, care)), node, result)
        return result

    # ALU

    def alu(self) -> None:
        i, c = self.i, self.c
        wide = i.cls == Class.ALU64
        if i.operation == Alu.MOV and wide and i.uses_register and not i.offset:
            self.set(i.dst, self.value(i.src))
            return
        if wide and i.operation in (Alu.ADD, Alu.SUB):
            left = self.value(i.dst)
            right = self.value(i.src) if i.uses_register else c.const(i.imm, 64)
            if not (isinstance(left, Node) and isinstance(right, Node)):
                self.set(i.dst, self.pointer_arithmetic(left, right, i.operation == Alu.SUB))
                return
        a = c.const(0, 64) if i.operation == Alu.MOV else self.number(i.dst)
        if i.operation in (Alu.NEG, Alu.END):
            b = c.const(i.imm, 64)
        else:
            b = self.number(i.src) if i.uses_register else c.const(i.imm, 64)
        self.set(i.dst, arithmetic.alu(c, i, a, b))

    def pointer_arithmetic(self, left: Value, right: Value, subtract: bool) -> Value:
        c = self.c
        if isinstance(left, Union) or isinstance(right, Union):
            results: list[tuple[int, Node | Pointer]] = []
            for q, a in _alternatives(left, self.state.predicate):
                for r, b in _alternatives(right, self.state.predicate):
                    both = self.p.both(q, r)
                    if both != FALSE:
                        value = self.pointer_arithmetic(a, b, subtract)
                        assert not isinstance(value, Union)
                        results.append((both, value))
            return results[0][1] if len(results) == 1 else Union(tuple(results))
        if isinstance(left, Node) and isinstance(right, Node):
            return c.sub(left, right) if subtract else c.add(left, right)
        if isinstance(left, Pointer) and isinstance(right, Pointer):
            if not subtract or left.kind is Kind.MAP_VALUE or (left.kind is Kind.STACK and left.frame != right.frame):
                raise Refused(
                    "two pointers are combined into a number that depends on addresses",
                    "subtract only pointers into the same frame",
                )
            return c.sub(left.offset, right.offset)
        pointer, amount = (left, right) if isinstance(left, Pointer) else (right, left)
        assert isinstance(pointer, Pointer) and isinstance(amount, Node)
        offset = c.sub(pointer.offset, amount) if subtract else c.add(pointer.offset, amount)
        return Pointer(pointer.kind, offset, pointer.map, pointer.frame, pointer.entry)

    def load64(self) -> Value:
        i, c = self.i, self.c
        if isinstance(i.reference, MapReference):
            zero = c.const(0, 64)
            if i.reference.offset is None:
                return Pointer(Kind.MAP, zero, i.reference.map)
            spec = self.b.maps[i.reference.map]
            key = c.const(0, 8 * spec.key_size)
            call = Call(self, None)
            entry = self.b.map_types[spec.type].lower_lookup(call, spec, c.const(1, 1), key)
            return Pointer(
                Kind.MAP_VALUE,
                c.const(i.reference.offset, 64),
                spec.name,
                entry=MapEntry(entry.found, entry.address, entry.tag, TRUE, FALSE),
            )
        if i.reference is not None:
            raise Refused("the address of a function is used as a value", "call the function directly")
        return c.const(i.imm64 or 0, 64)

    # Memory

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

    def pointer_fact(self, register: int, pointer: Pointer) -> facts.Pointer:
        """What verification knows of a register where it is this pointer."""
        fact = self.fact(register)
        for alternative in fact.alternatives if isinstance(fact, facts.Mixed) else (fact,):
            if isinstance(alternative, facts.Pointer) and _matches(pointer, alternative):
                return alternative
        raise AssertionError(f"r{register} is no {pointer.kind}")

    def load_pointer(self, pointer: Pointer, fact: facts.Pointer, size: int, signed: bool) -> Value:
        c = self.c
        if pointer.kind is Kind.CTX:
            return self.load_context(_signed(pointer.offset.attr + self.i.offset))
        if pointer.kind is Kind.STACK:
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
        if pointer.kind is Kind.STACK:
            stack = state.stacks[pointer.frame]

            def byte(position: int) -> Node:
                if stack.holds_pointer(position, 1):
                    return self.c.const(0, 8)  # the bits of an address: nobody may depend on them
                return stack.byte(position)

            return load(self.c, self.span(pointer, fact, displacement, size, -STACK_BYTES, -size), size, byte)
        if pointer.kind in (Kind.PACKET, Kind.PACKET_META):
            where = self.packet_span(pointer, fact, displacement, size)
            return load(self.c, where, size, state.packet.byte)
        if pointer.kind is Kind.MAP_VALUE:
            return self.load_row(pointer, fact, displacement, size)
        raise Refused(f"a load through a {pointer.kind.value} pointer", "load from the frame, the stack or a map value")

    def packet_span(self, pointer: Pointer, fact: facts.Pointer, displacement: int, size: int) -> Span:
        extent = self.b.extent
        return self.span(pointer, fact, displacement, size, -extent.headroom, extent.window - size)

    def write_memory(self, register: int, size: int, value: Value) -> None:
        target = self.value(register)
        if isinstance(target, Union):
            self.write_union(register, target, size, value)
            return
        assert isinstance(target, Pointer), f"store through {target}"
        self.store_pointer(target, self.pointer_fact(register, target), size, value)

    def write_union(self, register: int, target: Union, size: int, value: Value) -> None:
        """Each alternative is written on a fork of the state; then they join again."""
        rest = self.state.predicate
        states = []
        for q, part in target.alternatives:
            if not isinstance(part, Pointer):
                continue
            q = self.p.both(q, rest)
            if q == FALSE:
                continue
            rest = self.p.both(rest, self.p.invert(q))
            whole = self.state
            self.state = whole.on_edge(self.p, q)
            self.store_pointer(part, self.pointer_fact(register, part), size, value)
            states.append(self.state)
            self.state = whole
        predicate = self.state.predicate
        self.state = join(self.c, self.p, states, self.b.rows.new_epoch)
        self.state.predicate = predicate

    def store_pointer(self, pointer: Pointer, fact: facts.Pointer, size: int, value: Value) -> None:
        c, state, displacement = self.c, self.state, self.i.offset
        if pointer.kind is Kind.STACK:
            stack = state.stacks[pointer.frame]
            where = self.span(pointer, fact, displacement, size, -STACK_BYTES, -size)
            if where.constant is not None and size == 8:
                stack.write(where.constant, size, value)
                return
            self.store_memory(stack, where, size, self.as_number(value))
            return
        data = c.slice(self.as_number(value), 0, 8 * size)
        if pointer.kind in (Kind.PACKET, Kind.PACKET_META):
            self.store_memory(state.packet, self.packet_span(pointer, fact, displacement, size), size, data)
        elif pointer.kind is Kind.MAP_VALUE:
            self.store_row(pointer, fact, displacement, size, data)
        else:
            raise Refused(
                f"a store through a {pointer.kind.value} pointer",
                "store to the frame, the stack or a map value",
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
        row, inner = self.variable_row(pointer, entry, where, size, row_bytes)
        return load(self.c, inner, size, lambda position: rows.load_byte(state, row, position))

    def variable_row(self, pointer, entry, where: Span, size: int, row_bytes: int):  # type: ignore[no-untyped-def]
        """The row and the place in it for an access whose row is not constant."""
        c, rows = self.c, self.b.rows
        aligned = where.step >= size and where.low % size == 0 and row_bytes % size == 0
        if not aligned or row_bytes & (row_bytes - 1):
            raise Refused(
                f"an access of {size} bytes at a variable offset of a {self.b.maps[pointer.map].value_size}-byte value of map "
                f"{pointer.map} may cross two of its {row_bytes}-byte memory rows",
                "align the field to its size, or make the value smaller",
            )
        bits = row_bytes.bit_length() - 1
        assert where.index is not None
        step_bits = where.step.bit_length() - 1
        position = c.concat([c.const(0, step_bits), where.index]) if step_bits else where.index
        width = max(position.width, where.high.bit_length() + 1, bits + 1)
        position = c.add(c.zext(position, width), c.const(where.low, width))
        row = rows.row(pointer.map, entry, c.slice(position, bits, width - bits))
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
            row, inner = self.variable_row(pointer, entry, where, size, row_bytes)
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

    def store_in_row(self, row, where: Span, size: int, data: Node) -> None:  # type: ignore[no-untyped-def]
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

    # Control flow

    def branch(self) -> None:
        successors = self.point.successors
        if len(successors) == 1:
            self.go(successors[0].point, self.state)
            return
        path = self.state.predicate
        taken = self.p.both(path, self.p.of(self.condition()))
        other = self.p.both(path, self.p.invert(taken))
        for successor in successors:
            predicate = taken if successor.taken else other
            if predicate != FALSE:
                self.go(successor.point, self.state.on_edge(self.p, predicate))

    def condition(self) -> Node:
        i, c = self.i, self.c
        a = self.value(i.dst)
        b: Value = self.value(i.src) if i.uses_register else c.const(i.imm, 64)
        return self.compare(a, b)

    def compare(self, a: Value, b: Value) -> Node:
        i, c = self.i, self.c
        if isinstance(a, Union) or isinstance(b, Union):
            results = []
            for q, x in _alternatives(a, self.state.predicate):
                for r, y in _alternatives(b, self.state.predicate):
                    both = self.p.both(q, r)
                    if both != FALSE:
                        results.append((both, self.compare(x, y)))
            return self.select(results)
        if isinstance(a, Node) and isinstance(b, Node):
            return arithmetic.compare(c, i, a, b)
        if isinstance(a, Pointer) and isinstance(b, Pointer):
            if a.kind is Kind.MAP_VALUE or b.kind is Kind.MAP_VALUE:
                same = a.map == b.map and a.entry is not None and a.entry is b.entry
                if not same:
                    raise Refused("pointers into map values are compared", "compare keys instead")
            frame_kinds = (Kind.PACKET, Kind.PACKET_META, Kind.PACKET_END)
            if (a.kind in frame_kinds) != (b.kind in frame_kinds) or (a.kind is Kind.STACK and a.frame != b.frame):
                raise Refused(
                    "pointers into different kinds of memory are compared",
                    "compare pointers into the frame only",
                )
            return arithmetic.compare_offsets(
                c, i.operation, a.offset, b.offset, self.offset_range(i.dst, a), self.offset_range(i.src, b)
            )
        pointer, other = (a, b) if isinstance(a, Pointer) else (b, a)
        assert isinstance(pointer, Pointer) and isinstance(other, Node)
        if i.operation not in (Jump.JEQ, Jump.JNE) or other.op != "const" or other.attr:
            raise Refused("a pointer is compared with a number", "compare pointers with NULL only")
        null = c.const(0, 1) if pointer.entry is None else c.not_(pointer.entry.found)
        return null if i.operation == Jump.JEQ else c.not_(null)

    def offset_range(self, register: int, pointer: Pointer) -> tuple[int, int]:
        """Least and greatest offset of a frame pointer."""
        if pointer.kind is Kind.PACKET_END:
            return (-self.b.extent.headroom, LONGEST)
        offset = self.pointer_fact(register, pointer).offset
        return (offset.smin, offset.smax)

    def enter_function(self) -> None:
        state = self.state
        depth = len(state.registers)
        arguments = {r: state.registers[-1][r] for r in range(1, 6) if r in state.registers[-1]}
        state.registers.append({**arguments, 10: Pointer(Kind.STACK, self.c.const(0, 64), frame=depth)})
        state.stacks.append(Memory(self.c, self.b._zero_byte))

    def exit(self) -> None:
        state = self.state
        if len(state.registers) > 1:
            result = self.registers.get(0)
            state.registers.pop()
            state.stacks.pop()
            caller = state.registers[-1]
            for register in range(1, 6):
                caller.pop(register, None)
            if result is not None:
                caller[0] = result
            self.go(self.point.successors[0].point, state)
            return
        self.b.exits.append((state, self.number(0)))

    def call_helper(self) -> None:
        i, state = self.i, self.state
        helper = self.b.helpers[i.imm]
        call = Call(self, helper)
        if helper.writes_map:
            call.flush_map()
        result = helper.lower(call)
        value: Value
        if helper.ret is Ret.MAP_VALUE_OR_NULL:
            shape, _ = call.map_argument()
            entry = MapEntry(result.found, result.address, result.tag, state.predicate, FALSE)
            value = Pointer(Kind.MAP_VALUE, self.c.const(0, 64), shape.name, entry=entry)
        else:
            value = result
        if helper.writes_map:
            self.map_changed(*call.map_argument())
        zero = self.c.const(0, 64)
        state.calls[helper.id] = self.c.add(state.calls.get(helper.id, zero), self.c.const(1, 64))
        for register in range(1, 6):
            self.registers.pop(register, None)
        self.registers[0] = value

    def map_changed(self, shape, plugin: MapPlugin) -> None:  # type: ignore[no-untyped-def]
        """After an update or delete: rows read before are stale, and where elements move, pointers are too."""
        self.b.rows.changed(self.state, shape.name)
        if plugin.is_constant_address():
            return
        path = self.state.predicate

        def mark(pointer: Pointer) -> Pointer:
            entry = pointer.entry
            if pointer.map != shape.name or entry is None:
                return pointer
            stale = self.p.either(entry.stale, path)
            entry = MapEntry(entry.found, entry.address, entry.tag, entry.born, stale)
            return Pointer(pointer.kind, pointer.offset, pointer.map, pointer.frame, entry)

        self.state.every_pointer(mark)


def _matches(part: Pointer, fact: facts.Pointer) -> bool:
    return part.kind is fact.kind and part.map == fact.map and (part.kind is not Kind.STACK or part.frame == fact.frame)


def _alternatives(value: Value, path: int) -> tuple[tuple[int, Node | Pointer], ...]:
    return value.alternatives if isinstance(value, Union) else ((path, value),)


def _signed(value: int) -> int:
    return (value & (1 << 64) - 1 ^ 1 << 63) - (1 << 63)


__all__ = ["Instruction", "build", "reads"]
