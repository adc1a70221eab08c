"""One instruction at one point of the program: numbers, pointers, branches and calls."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

from ...hdl.errors import Refused
from ...hdl.helpers.base import Arg, CallingHelper, HelperPlugin, Passed, Ret
from ...hdl.helpers.records import Record
from ...hdl.kernel_functions.base import Act, KernelFunction
from ...hdl.maps.base import MapPlugin
from ..isa import Alu, Class, FunctionReference, Jump, MapReference, Mode
from ..spec import MapSpec
from ..verify import result as facts
from ..verify.iterator import kernel_function
from ..verify.result import Kind
from . import arithmetic
from .call import Call
from .cases import known_bytes
from .ir import Node
from .memory import MemoryAccess
from .predicates import FALSE, TRUE
from .reservation import Reservation
from .state import State
from .values import MapEntry, Memory, Pointer, Union, Value, alternatives

LONGEST = 0xFFFF


class Step(MemoryAccess):
    """`run` does the instruction and hands the state on to the points behind it."""

    def run(self) -> None:
        i = self.i
        if i.is_conditional:
            self.branch()
            return
        if i.is_exit:
            self.exit()
            return
        if calling := self.calling(self.point.slot):
            self.call_back(calling)
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
            helper = self.b.helpers[i.imm]
            if helper.ret is Ret.NEXT_PROGRAM:
                self.tail_call(helper)
                return
            self.call_helper(helper)
        elif (function := kernel_function(i)) is not None:
            self.call_iterator(function)
        elif i.is_local_call:
            self.enter_function()
        elif not i.is_goto:
            raise Refused(f"opcode 0x{i.opcode:02x} has no hardware", "leave it out")
        self.go(self.point.successors[0].point, self.state)

    def go(self, point: int, state: State) -> None:
        """One edge."""
        self.b.incoming[point].append(state)

    def alu(self) -> None:
        i, c = self.i, self.c
        wide = i.cls == Class.ALU64
        if i.operation == Alu.MOV and i.uses_register and not i.offset:
            value = self.value(i.src)
            if wide or isinstance(value, Pointer):  # the low half of a pointer is only good for a difference
                self.set(i.dst, value)
                return
        if i.operation in (Alu.ADD, Alu.SUB) and (wide or i.uses_register):
            left = self.value(i.dst)
            right = self.value(i.src) if i.uses_register else c.const(i.imm, 64)
            if wide and not (isinstance(left, Node) and isinstance(right, Node)):
                self.set(i.dst, self.pointer_arithmetic(left, right, i.operation == Alu.SUB))
                return
            if isinstance(left, Pointer) and isinstance(right, Pointer) and i.operation == Alu.SUB:
                distance = self.pointer_arithmetic(left, right, True)
                assert isinstance(distance, Node)
                self.set(i.dst, c.zext(c.slice(distance, 0, 32), 64))
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
            for q, a in alternatives(left, self.state.predicate):
                for r, b in alternatives(right, self.state.predicate):
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
        moved = c.sub if subtract else c.add
        uncut = None if pointer.uncut is None else moved(pointer.uncut, amount)
        return replace(pointer, offset=moved(pointer.offset, amount), uncut=uncut)

    def load64(self) -> Value:
        i, c = self.i, self.c
        if isinstance(i.reference, MapReference):
            zero = c.const(0, 64)
            if i.reference.offset is None:
                return Pointer(Kind.MAP, zero, i.reference.map)
            spec = self.b.maps[i.reference.map]
            return self.value_at(spec, 0, i.reference.offset)
        if isinstance(i.reference, FunctionReference):
            return Pointer(Kind.FUNCTION, c.const(i.reference.slot, 64))
        return c.const(i.imm64 or 0, 64)

    def value_at(self, spec: MapSpec, index: int, offset: int) -> Pointer:
        """A pointer to byte ``offset`` of an entry of an array."""
        c = self.c
        key = c.const(index, 8 * spec.key_size)
        entry = self.b.map_types[spec.type].lower_lookup(Call(self, None), spec, c.const(1, 1), key)
        held = MapEntry(entry.found, entry.address, entry.tag, TRUE, FALSE)
        return Pointer(Kind.MAP_VALUE, c.const(offset, 64), spec.name, entry=held)

    # Control flow

    def branch(self) -> None:
        one_way = len(self.point.successors) == 1
        for _, point, state in self.split(self.c.const(1, 1) if one_way else self.condition()):
            self.go(point, state)

    def split(self, condition: Node) -> Iterator[tuple[bool | None, int, State]]:
        """The possible sides of a branch, the points they lead to, and a state for each."""
        if len(self.point.successors) == 1:
            successor = self.point.successors[0]
            yield successor.taken, successor.point, self.state
            return
        path = self.state.predicate
        taken = self.p.both(path, self.p.of(condition))
        other = self.p.both(path, self.p.invert(taken))
        for successor in self.point.successors:
            predicate = taken if successor.taken else other
            if predicate != FALSE:
                yield successor.taken, successor.point, self.state.on_edge(self.p, predicate)

    def condition(self) -> Node:
        i, c = self.i, self.c
        a = self.value(i.dst)
        b: Value = self.value(i.src) if i.uses_register else c.const(i.imm, 64)
        return self.compare(a, b)

    def compare(self, a: Value, b: Value) -> Node:
        i, c = self.i, self.c
        if isinstance(a, Union) or isinstance(b, Union):
            results = []
            for q, x in alternatives(a, self.state.predicate):
                for r, y in alternatives(b, self.state.predicate):
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
        there = self.not_null(pointer)
        return c.not_(there) if i.operation == Jump.JEQ else there

    def offset_range(self, register: int, pointer: Pointer) -> tuple[int, int]:
        """Least and greatest offset of a frame pointer."""
        if pointer.kind is Kind.PACKET_END:
            return (-self.b.extent.headroom, LONGEST)
        offset = self.pointer_fact(register, pointer).offset
        return (offset.smin, offset.smax)

    def enter_function(self) -> None:
        self.enter_frame(self.state, {r: self.registers[r] for r in range(1, 6) if r in self.registers})

    def enter_frame(self, state: State, arguments: dict[int, Value]) -> None:
        depth = len(state.registers)
        state.registers.append({**arguments, 10: Pointer(Kind.STACK, self.c.const(0, 64), frame=depth)})
        state.stacks.append(Memory(self.c, self.b.zero_byte))

    def exit(self) -> None:
        state = self.state
        if len(state.registers) == 1:
            self.b.exits.append((state, self.number(0)))
            return
        calling = self.calling(self.point.calls[-1])
        result = self.number(0) if calling else self.registers.get(0)
        state.registers.pop()
        state.stacks.pop()
        if calling:
            assert isinstance(result, Node)
            self.called_back(result)
            return
        caller = state.registers[-1]
        self.clobber(caller)
        if result is not None:
            caller[0] = result
        self.go(self.point.successors[0].point, state)

    @staticmethod
    def clobber(registers: dict[int, Value]) -> None:
        """What a call does to the registers of its arguments."""
        for register in range(1, 6):
            registers.pop(register, None)

    # Helpers that call functions: verification has made a point of the call for each iteration.

    def calling(self, slot: int) -> CallingHelper | None:
        """The helper that the instruction in a slot calls, if it is one that calls a function."""
        i = self.b.program.instructions[slot]
        helper = self.b.helpers[i.imm] if i.is_helper_call else None
        return helper if isinstance(helper, CallingHelper) else None

    def iteration_of(self, slot: int) -> int:
        """Which iteration of the call in a slot this point belongs to."""
        return dict(self.point.iteration)[slot]

    def call_back(self, helper: CallingHelper) -> None:
        """Before an iteration: into the function, or behind the call."""
        index = self.iteration_of(self.point.slot)
        call = Call(self, helper)
        owner = self.value(1 + helper.args.index(Arg.MAP)) if Arg.MAP in helper.args else None
        if isinstance(owner, Union):
            raise Refused(
                f"which map {helper.name} goes through depends on the path", "call it for each map on a path of its own"
            )
        argument, result = self.value(helper.argument), helper.result(call, index)
        for enters, point, state in self.split(helper.enters(call, index)):
            if enters:
                passes = [self.passed(what, index, owner, argument) for what in helper.passes]
                self.enter_frame(state, dict(enumerate(passes, 1)))
            else:
                self.clobber(state.registers[-1])
                state.registers[-1][0] = result
            self.go(point, state)

    def passed(self, what: Passed, index: int, owner: Pointer | Node | None, argument: Value) -> Value:
        """What a function that a helper calls gets."""
        if what is Passed.NUMBER:
            return self.c.const(index, 64)
        if what is Passed.ARGUMENT:
            return argument
        assert isinstance(owner, Pointer) and owner.map is not None
        match what:
            case Passed.KEY:
                return Pointer(Kind.MAP_KEY, self.c.const(0, 64), owner.map, index)
            case Passed.VALUE:
                return self.value_at(self.b.maps[owner.map], index, 0)
        return owner

    def called_back(self, result: Node) -> None:
        """After an iteration: behind the call if the function returned 1, else to the next one."""
        c = self.c
        begun = c.const(self.iteration_of(self.point.calls[-1]) + 1, 64)
        for stops, point, state in self.split(c.not_(c.eq(result, c.const(0, 64)))):
            if stops:
                self.clobber(state.registers[-1])
                state.registers[-1][0] = begun
            self.go(point, state)

    # Helpers

    def tail_call(self, helper: HelperPlugin) -> None:
        """One edge to each program that can be in the slot; on what is left of the path execution goes on."""
        if isinstance(self.value(1 + helper.args.index(Arg.MAP)), Union):
            raise Refused(
                f"which array of programs {helper.name} looks into depends on the path",
                "call it for each array on a path of its own",
            )
        call, state = Call(self, helper), self.state
        found = helper.lower(call)
        table = self.b.program.tables.get(call.map_argument()[0].name)
        rest, following = state.predicate, self.point.slot + self.i.slots
        for successor in self.point.successors:
            entry = self.b.points[successor.point].slot
            if entry == following or table is None:
                continue
            number = table.number(self.b.program.members[entry].name)
            chosen = self.p.of(self.c.eq(found, self.c.const(number, found.width)))
            taken = self.p.both(rest, chosen)
            if taken != FALSE:
                self.go(successor.point, self.replaced(state.on_edge(self.p, taken)))
            rest = self.p.both(rest, self.p.invert(chosen))
        for register in range(6):
            self.registers.pop(register, None)
        if rest != FALSE:
            (last,) = (s.point for s in self.point.successors if self.b.points[s.point].slot == following)
            self.go(last, state.on_edge(self.p, rest))

    def replaced(self, state: State) -> State:
        """The state with another program in the place of the current function: all it gets is the context."""
        zero, depth = self.c.const(0, 64), len(state.registers) - 1
        state.registers[-1] = {1: Pointer(Kind.CTX, zero), 10: Pointer(Kind.STACK, zero, frame=depth)}
        state.stacks[-1] = Memory(self.c, self.b.zero_byte)
        return state

    def call_helper(self, helper: HelperPlugin) -> None:
        """Compilers merge calls at the ends of branches, so the map and what else must be known can depend on the path:
        then each is called."""
        point = self.point
        wanted = [1 + helper.args.index(Arg.MAP)] if Arg.MAP in helper.args else []

        def fix(rest: list[int]) -> None:
            """Call with one choice for each argument of ``rest``."""
            if not rest:
                self.call_with_text(helper)
                return
            number, before = rest[0], self.point
            ways = self.choices(number)

            def go_on(way: tuple[Value, facts.AbstractValue]) -> None:
                value, fact = way
                self.set(number, value)
                self.point = replace(before, registers={**before.registers, number: fact})
                fix(rest[1:])

            if len(ways) > 1:
                self.on_each(ways, go_on)
            elif ways:
                go_on(ways[0][1])
            else:
                fix(rest[1:])

        fix([*wanted, *helper.constants])
        self.point = point

    def call_with_text(self, helper: HelperPlugin) -> None:
        """The bytes of a text can depend on the path as well: each path writes its own to one place of the stack."""
        call = Call(self, helper)
        size = call.constant_argument(helper.text + 1) if helper.text else None
        if size:
            data = call.memory(helper.text, size)
            each = [self.c.slice(data, 8 * i, 8) for i in range(size)]
            if ways := known_bytes(self.p, each, self.state.predicate):
                self.on_each(ways, partial(self.call_with, helper))
                return
        self.call_with(helper)

    def call_with(self, helper: HelperPlugin, text: bytes | None = None) -> None:
        state = self.state
        call = Call(self, helper, text)
        if helper.writes_map:
            call.flush_map()
        result = helper.lower(call)
        value: Value
        if helper.ret is Ret.MAP_VALUE_OR_NULL and call.map_argument()[1].holds_maps:
            value = self.inner_map(call.map_argument()[0], result)
        elif helper.ret is Ret.MAP_VALUE_OR_NULL:
            shape, _ = call.map_argument()
            entry = MapEntry(result.found, result.address, result.tag, state.predicate, FALSE)
            value = Pointer(Kind.MAP_VALUE, self.c.const(0, 64), shape.name, entry=entry)
        elif helper.ret is Ret.RECORD_OR_NULL:
            value = self.reserve(call, call.maximum(1 + helper.args.index(Arg.ALLOCATED)), result)
        else:
            value = result
        if helper.writes_map:
            self.map_changed(*call.map_argument(), only_inserts=helper.only_inserts(call))
        zero = self.c.const(0, 64)
        state.calls[helper.id] = self.c.add(state.calls.get(helper.id, zero), self.c.const(1, 64))
        self.clobber(self.registers)
        self.registers[0] = value

    def inner_map(self, outer: MapSpec, number: Node) -> Value:
        """The map with a number, one of those that a map of maps can hold, or NULL."""
        c, rest, table = self.c, self.state.predicate, outer.table
        assert table is not None, "a map of which nobody says what it holds is refused"
        zero = c.const(0, 64)
        ways: list[tuple[int, Node | Pointer]] = []
        for each in table.numbers:
            chosen = self.p.of(c.eq(number, c.const(each, number.width)))
            ways.append((self.p.both(rest, chosen), Pointer(Kind.MAP, zero, table.name(each))))
            rest = self.p.both(rest, self.p.invert(chosen))
        ways = [(q, value) for q, value in [*ways, (rest, zero)] if q != FALSE]
        return ways[0][1] if len(ways) == 1 else Union(tuple(ways))

    def reserve(self, call: Call, size: int, found: Node) -> Pointer:
        """A pointer to a fresh record where it was ``found`` that there is room."""
        b, shape, number = self.b, call.map_argument()[0], len(self.b.reservations)
        b.reservations.append(Reservation(size, len(b.events)))
        b.events.append((Record(shape.name, size), None))
        self.state.records[number] = Memory(self.c, b.zero_byte)
        nowhere = self.c.const(0, 1)
        entry = MapEntry(found, nowhere, nowhere, self.state.predicate, FALSE)
        return Pointer(Kind.RECORD, self.c.const(0, 64), shape.name, self.point.index, entry, number)

    def call_iterator(self, function: KernelFunction) -> None:
        """A function of an iterator on the stack. What NEXT gives is a pointer to the iterator or NULL."""
        iterator, path = self.value(1), self.state.predicate
        assert isinstance(iterator, Pointer), "verification knows which iterator it is"
        result = function.lower(Call(self, None))
        self.clobber(self.registers)
        self.registers.pop(0, None)
        if function.act is Act.NEXT:
            element = Pointer(Kind.ITERATOR, iterator.offset, frame=iterator.frame)
            there = self.p.both(path, self.p.of(result))
            ended = self.p.both(path, self.p.invert(there))
            ways: list[tuple[int, Node | Pointer]] = [(there, element), (ended, self.c.const(0, 64))]
            ways = [(q, value) for q, value in ways if q != FALSE]
            self.registers[0] = ways[0][1] if len(ways) == 1 else Union(tuple(ways))
        elif result is not None:
            self.registers[0] = result

    def map_changed(self, shape: MapSpec, plugin: MapPlugin, only_inserts: bool) -> None:
        """After an update or delete: rows read before are stale, and where elements move, pointers are too."""
        self.b.rows.changed(self.state, shape.name)
        if plugin.is_constant_address() or (only_inserts and not plugin.inserts_move_values):
            return
        path = self.state.predicate

        def mark(pointer: Pointer) -> Pointer:
            entry = pointer.entry
            if pointer.map != shape.name or entry is None:
                return pointer
            stale = self.p.either(entry.stale, path)
            entry = MapEntry(entry.found, entry.address, entry.tag, entry.born, stale)
            return replace(pointer, entry=entry)

        self.state.every_pointer(mark)
