"""Exploration: every point once, in an order in which all states that reach it are already there.

A point is an instruction in a context: the chain of calls to it and the iterations of the loops around it. Its key
(`flow.Flow.key`, behind the key of the call for a subprogram) sorts points so that every edge goes to a larger
key; so a priority queue delivers each point when all its predecessors are done, loops unroll by themselves as long
as their branches are possible, and what comes out is acyclic and sorted.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import replace

from ...hdl.errors import Refused
from ...hdl.helpers.base import Arg, CallingHelper, Ret
from ..isa import (
    CALL_REGISTER,
    Class,
    FunctionReference,
    Instruction,
    Jump,
    Load64,
    MapReference,
    Mode,
    Poison,
    reads,
)
from ..spec import ProgramSpec
from . import alu, branch, callback, iterator, lock, memory, record, stack
from .call import Environment, call, check_arguments
from .chain import BEHIND, Chain, Count
from .context import Context, Visit
from .failure import Category, Failure, Unbuildable, address_dependent
from .flow import Flow, Key
from .functions import Analyses
from .iterator import kernel_function
from .join import Apart, gather
from .limits import Deadline, Limits, Rejection
from .number import UNKNOWN, constant
from .progress import Progress
from .result import AbstractValue, Kind, Mixed, Point, Pointer, Scalar, Successor
from .state import MAX_FRAMES, STACK_BYTES, TAIL_CALLER_STACK_BYTES, Starts, State, Step
from .values import NEVER_WRITTEN, Num, Ptr, Unusable, fact, join_facts, scalar

Ways = Iterable[tuple[int, bool | None, State]]


class Explorer(Progress):
    """One exploration, with so many states kept ``apart`` where paths meet, until ``deadline``.
    Whether rounds are numbered (``is_numbered``): whether a function that a helper calls, and who
    asks an iterator, knows which time it is. Linux has it as an unknown number. ``has_rounds``: whether there were any.
    Without numbers there are checks, but no points, and loops end when another round shows nothing new.
    """

    def __init__(
        self,
        program: ProgramSpec,
        env: Environment,
        limits: Limits,
        apart: Apart,
        deadline: Deadline,
        is_numbered: bool = True,
        analyses: Analyses | None = None,
    ) -> None:
        super().__init__(program, env, limits, is_numbered, analyses)
        self.has_rounds = False
        self._apart, self._deadline = apart, deadline
        self._pending: dict[Key, Visit] = {}
        self._queue: list[Key] = []
        self._deepest: dict[int, int] = {}  # function -> bytes of stack it uses
        self._contexts: list[Context] = []
        self._chain = Chain(program, env.helpers)
        self._members: dict[Key, Context] = {}  # that were entered by tail calls, by prefix
        self._tail_callers: set[Context] = set()
        self._remarks: dict[int, str] = {}

    def run(self) -> tuple[Point, ...]:
        """The points; raises `Rejection`."""
        start = Context(self._flow(0, 0))
        self._check_functions()
        self._contexts.append(start)
        program = self._program
        self._reach(start, 0, start.flow.start(), State(program.memory if program.type == "raw" else None))
        done: list[tuple[Key, Visit, dict[int, AbstractValue], Starts, list[tuple[Key, bool | None]]]] = []
        visited = 0
        while self._queue:
            key = heapq.heappop(self._queue)
            visit = self._pending.pop(key)
            if visited >= self._limits.points:
                raise self._too_much(visit, visited, f"more than {self._limits.points} instructions unrolled")
            if self._deadline.has_passed(visited):
                seconds = self._deadline.seconds(visited)
                raise self._too_much(visit, visited, f"more than {seconds:.0f} s of CPU time")
            self._env.point = visited
            visited += 1
            self._prune(visit)
            if not self._is_numbered:
                self._advance(visit)
                continue
            facts, starts = self._facts(visit), Starts.of(visit.states)
            done.append((key, visit, facts, starts, self._advance(visit)))
            visit.states = []
            if remark := self._env.remark:
                self._remarks[visit.slot], self._env.remark = remark, None
        if not self._is_numbered:
            return ()
        self._check_stack()
        index = {key: position for position, (key, *_) in enumerate(done)}
        return tuple(
            Point(
                position,
                visit.slot,
                len(visit.context.calls),
                facts,
                tuple(Successor(index[target], taken) for target, taken in targets),
                starts.head,
                visit.context.calls,
                visit.loops,
                starts.metadata,
            )
            for position, (_, visit, facts, starts, targets) in enumerate(done)
        )

    @property
    def remarks(self) -> Mapping[int, str]:
        """What the user should know about instructions that are accepted, by slot."""
        return self._remarks

    # Reaching points.

    def _reach(self, context: Context, slot: int, iterations: tuple[int, ...], state: State) -> Key:
        key = context.prefix + context.flow.key(slot, iterations)
        visit = self._pending.get(key)
        if visit is None:
            visit = self._pending[key] = Visit(context, slot, iterations)
            heapq.heappush(self._queue, key)
        visit.states.append(state)
        return key

    # Processing one point.

    def _prune(self, visit: Visit) -> None:
        """Forget what no later instruction needs, and join what need not be kept apart; where paths meet or part, which
        is enough."""
        if visit.slot not in visit.context.flow.leaders:
            return
        keys = visit.context.live_registers(visit.slot)
        for state in visit.states:
            known = state.registers
            state.registers = {key: known.get(key, NEVER_WRITTEN) for key in keys}
            state.forget_unused_proofs()
        if len(visit.states) > 1:
            live, decisive = self._live_stack(visit.context.chain(), visit.slot)
            for state in visit.states:
                stack.keep(state, live)
            visit.states = gather(visit.states, self._apart, self._fresh, decisive)
            self._lossy = self._lossy or any(state.lossy for state in visit.states)
            if len(visit.states) > self._limits.states:
                raise self._too_much(visit, None, f"more than {self._limits.states} states at one instruction")
        self._check_progress(visit)

    def _facts(self, visit: Visit) -> dict[int, AbstractValue]:
        """The facts of the registers that the instruction reads, as far as they are usable."""
        i = self._program.instructions[visit.slot]
        registers: Iterable[int] = sorted(reads(i))
        if i.is_call:
            mask = self._argument_mask(i, visit.slot)
            registers = [r for r in range(1, 6) if mask >> r & 1]
        result: dict[int, AbstractValue] = {}
        for r in registers:
            found: list[Scalar | Pointer] = []
            for state in visit.states:
                value = state.get(r)
                if not isinstance(value, Unusable):
                    found.append(fact(value, state.head, state.meta))
                else:
                    break
            else:
                result[r] = join_facts(found)
        base = i.src if i.is_load else i.dst if i.is_store or i.is_atomic else 1 if i.is_kernel_call else None
        if base in result:
            self._note_access(visit, i, base, result[base])
        return result

    def _note_access(self, visit: Visit, i: Instruction, register: int, value: AbstractValue) -> None:
        """How deep the stack is used, and that context and memory do not share an instruction."""
        alternatives = value.alternatives if isinstance(value, Mixed) else (value,)
        kinds = {p.kind for p in alternatives if isinstance(p, Pointer)}
        if Kind.CTX in kinds and len(kinds) > 1:
            failure = Failure(
                Category.CONTEXT,
                "the same instruction accesses the context on one path and other memory on another",
                "keep accesses to ctx apart from others",
                register,
            )
            raise Rejection(self._error(failure, visit.slot), True)
        for p in alternatives:
            if isinstance(p, Pointer) and p.kind == Kind.STACK:
                owner = visit.context.chain()[p.frame].flow.entry
                depth = -(p.offset.smin + i.offset)
                self._deepest[owner] = max(self._deepest.get(owner, 0), depth)

    def _check_stack(self) -> None:
        """The stack of no call chain may exceed the limit (check_max_stack_depth, as with a JIT)."""
        for context in self._contexts:
            chain = context.own_chain()
            used = [-(-max(self._deepest.get(c.flow.entry, 0), 1) // 16) * 16 for c in chain]
            if context in self._tail_callers and sum(used[:-1]) >= TAIL_CALLER_STACK_BYTES:
                failure = Failure(
                    Category.STACK,
                    f"a function makes a tail call and its callers need {sum(used[:-1])} bytes of stack; "
                    f"they may have less than {TAIL_CALLER_STACK_BYTES}",
                    "make the tail call in the main program, or use fewer or smaller local variables",
                )
                raise Rejection(self._error(failure, context.call_slot), True)
            if sum(used) > STACK_BYTES:
                failure = Failure(
                    Category.STACK,
                    f"the call chain needs {' + '.join(map(str, used))} = {sum(used)} bytes of stack; "
                    f"there are {STACK_BYTES}",
                    "use fewer or smaller local variables, or a per-CPU array map",
                )
                raise Rejection(self._error(failure, context.call_slot), True)

    # Stepping.

    def _advance(self, visit: Visit) -> list[tuple[Key, bool | None]]:
        """Run the instruction on every state; returns the edges."""
        edges: dict[tuple[Key, bool | None], None] = {}
        for state in visit.states:
            state.history = Step(visit.slot, state.depth, state.history)
            try:
                for edge in self._step(visit, state):
                    edges[edge] = None
            except Failure as failure:
                raise Rejection(self._error(failure, visit.slot, state), not state.lossy) from None
            except Unbuildable as reason:
                error = Refused(reason.reason, reason.remedy, self._program.place(visit.slot))
                raise Rejection(error, not state.lossy) from None
            except Refused as refusal:
                raise Rejection(refusal.at(self._program.place(visit.slot)), True) from None
        return list(edges)

    def _step(self, visit: Visit, state: State) -> Iterable[tuple[Key, bool | None]]:
        i = self._program.instructions[visit.slot]
        if i.is_exit:
            return self._leave(visit, state)
        if i.is_local_call:
            state.enter()
            return [(self._enter(visit, visit.slot + 1 + i.imm, state), None)]
        if isinstance(i.reference, Poison):
            raise Failure(
                Category.RELOCATION,
                f"{i.reference.reason}, so libbpf leaves no valid instruction here",
                "declare it as the kernel's headers do",
            )
        if i.is_helper_call and self._env.helper(i.imm).ret is Ret.NEXT_PROGRAM:
            return self._tail_call(visit, i, state)
        if plugin := self._repeats(i):
            return self._call_back(visit, plugin, state)
        context = visit.context
        if i.is_helper_call and not self._env.helper(i.imm).has_result and context.flow.live[visit.slot + 1] & 1:
            raise Unbuildable(
                f"the result of {self._env.helper(i.imm).name} is used, which the hardware does not know",
                "do without it",
            )
        return [
            (self._after(context, visit.slot, visit.iterations, target, after), taken)
            for target, taken, after in self._ways(visit.slot, i, state)
        ]

    def _ways(self, slot: int, i: Instruction, state: State) -> Ways:
        """What an instruction that stays in its function does."""
        following = slot + i.slots
        if i.is_conditional:
            if i.operation == Jump.JCOND:
                raise Unbuildable("may_goto is not supported", "bound the loop by a counter and a constant")
            target = slot + 1 + i.offset
            return [
                (target if taken else following, taken, after)
                for taken, after in branch.decide(state, i, slot)
            ]
        if i.is_goto:
            return [(slot + 1 + (i.distance or 0), None, state)]
        if i.is_call:
            return [(following, None, after) for after in self._call(i, state)]
        if i.is_alu:
            alu.execute(state, i, self._fresh)
        elif i.is_load64:
            state.set(i.dst, self._load64(i))
        elif i.is_load:
            state.set(i.dst, memory.load(state, i, self._env.maps))
        elif i.is_atomic:
            memory.atomic(state, i, self._env.maps)
        elif i.is_store:
            self._store(i, state)
        else:
            name = {Mode.ABS: "LD_ABS", Mode.IND: "LD_IND"}.get(Mode(i.mode), "this instruction")
            raise Failure(
                Category.INSTRUCTION,
                f"{name} is of socket filters and not allowed in XDP",
                "read the frame through ctx->data",
            )
        return [(following, None, state)]

    def _store(self, i: Instruction, state: State) -> None:
        value: Num | Ptr | Unusable = scalar(constant(i.imm))
        if i.cls == Class.STX:
            value = memory.storable(state, i.src)
            if isinstance(value, Num) and not value.id and not value.number.is_constant:
                # Linux as well tells a stored number and its register to be the same.
                value = Num(value.number, self._fresh())
                state.set(i.src, value)
        pointer = memory.store(state, i, value, self._env.maps)
        if isinstance(value, Unusable) and pointer.kind != Kind.STACK:
            self._env.remark_undefined(f"map {pointer.map}" if pointer.map else "the frame")

    def _load64(self, i: Instruction) -> Num | Ptr:
        if isinstance(i.reference, MapReference):
            self._env.use_map(i.reference.map)
            if i.reference.offset is None:
                return Ptr(Kind.MAP, map=i.reference.map)
            return Ptr(Kind.MAP_VALUE, i.reference.offset, map=i.reference.map)
        if isinstance(i.reference, FunctionReference):
            return Ptr(Kind.FUNCTION, i.reference.slot)
        if i.src != Load64.NUMBER or i.reference is not None:
            what = {Load64.KERNEL_VARIABLE: "a kernel variable"}
            raise Unbuildable(
                f"{what.get(Load64(i.src), 'a map without a name')} is loaded",
                "call functions directly, and use maps by their definitions",
            )
        return scalar(constant(i.imm64 or 0))

    def _call(self, i: Instruction, state: State) -> list[State]:
        if (function := kernel_function(i)) is not None:
            self.has_rounds = True
            return iterator.call(state, function, self._fresh(), self._is_numbered)
        if not i.is_helper_call:
            raise Unbuildable(
                "callx, a call through a register, is not supported"
                if i.opcode == CALL_REGISTER
                else "this kernel function is not supported",
                "call a helper or a function of this object directly",
            )
        return call(state, self._env.helper(i.imm), self._env, self._fresh)

    def _call_back(self, visit: Visit, plugin: CallingHelper, state: State) -> list[tuple[Key, bool | None]]:
        """A helper that calls a function: into its next iteration, or behind it."""
        name = check_arguments(state, plugin, self._env)
        entries = None if name is None else self._env.entries(name, plugin)
        index = visit.iterations[-1]
        edges: list[tuple[Key, bool | None]] = []
        if not self._is_numbered:  # Linux does not know either whether this was the last round
            over = state.copy()
            callback.return_(over, index)
            edges.append((self._after_rounds(visit.context, visit.slot, visit.iterations, over), False))
        for enters, after in callback.begin(state, plugin, index, visit.slot, entries):
            if enters:
                target = callback.function(after, plugin)
                self.has_rounds = True
                lookup = 0 if name is None else self._env.new_lookup(name, self._fresh)
                callback.enter(after, plugin, index if self._is_numbered else None, lookup)
                record.enter_callback(after)
                key = self._enter(visit, target, after, plugin)
            else:
                key = self._after_rounds(visit.context, visit.slot, visit.iterations, after)
            edges.append((key, enters))
        return edges

    def _after(self, context: Context, slot: int, iterations: tuple[int, ...], target: int, state: State) -> Key:
        return self._reach(context, target, context.flow.follow(slot, iterations, target), state)

    def _after_rounds(self, context: Context, slot: int, iterations: tuple[int, ...], state: State) -> Key:
        """Behind a helper that calls a function."""
        if not self._is_numbered:
            state.set(0, scalar(UNKNOWN))
        return self._after(context, slot, iterations, slot + 1, state)

    def _enter(self, visit: Visit, target: int, state: State, helper: CallingHelper | None = None) -> Key:
        """Into a function, in the frame that ``state`` has for it already."""
        context = visit.context
        flow = self._flow(target, visit.slot)
        own = context.own_chain()
        if any(c.flow is flow for c in own):
            raise Failure(Category.CALL, "the call is recursive", "write it as a bounded loop")
        if len(own) == MAX_FRAMES:
            raise Failure(Category.CALL, f"calls nest more than {MAX_FRAMES} deep", "inline some functions")
        if len(context.chain()) == MAX_FRAMES:
            raise Unbuildable(
                f"calls nest more than {MAX_FRAMES} deep, programs entered by tail calls from functions included",
                "make the tail calls in the main program",
            )
        key = context.prefix + context.flow.key(visit.slot, visit.iterations)
        callee = visit.callee
        if callee is None:
            callee = visit.callee = self._context(visit, flow, key, helper)
        elif callee.flow is not flow:
            raise Unbuildable("a call goes to different functions", "call each function on its own path")
        callee.tail_calls.include(context.tail_calls)
        return self._reach(callee, target, flow.start(), state)

    def _context(self, visit: Visit, flow: Flow, key: Key, helper: CallingHelper | None) -> Context:
        caller = visit.context
        context = Context(
            flow,
            key,
            key,
            caller,
            visit.slot,
            visit.iterations,
            (*caller.calls, visit.slot),
            visit.loops,
            helper,
            Count(caller.tail_calls.low, caller.tail_calls.high),
        )
        self._contexts.append(context)
        return context

    def _tail_call(self, visit: Visit, i: Instruction, state: State) -> list[tuple[Key, bool | None]]:
        """The programs that can be in the slot, and what follows if none is."""
        context, plugin = visit.context, self._env.helper(i.imm)
        array, index = state.get(1 + plugin.args.index(Arg.MAP)), state.get(3)
        iterator.check_ended(state, 0, "a tail call")
        record.check_given_back(state, "a tail call")
        before = state.copy()
        (after,) = call(state, plugin, self._env, self._fresh)
        assert isinstance(array, Ptr) and array.map is not None and isinstance(index, Num)
        edges: list[tuple[Key, bool | None]] = []
        if context.tail_calls.low < plugin.limit:
            last = min(index.number.umax32, self._env.maps[array.map].max_entries - 1)
            for entry in self._chain.targets(array.map, index.number.umin32, last):
                if context.tail_calls.high >= plugin.limit:
                    raise Unbuildable(
                        f"it depends on the path whether more than {plugin.limit} tail calls were made before this one",
                        "make fewer of them",
                    )
                edges.append((self._replace(visit, entry, before.copy()), None))
        behind = self._after(context, visit.slot, visit.iterations, visit.slot + i.slots, after)
        return [*edges, (behind, None)]

    def _replace(self, visit: Visit, entry: int, state: State) -> Key:
        """Into the program that starts at ``entry``, by a tail call."""
        context = visit.context
        if any(c.helper is not None for c in context.chain()):
            raise Unbuildable("a function that a helper calls makes a tail call", "make it in the main program")
        flow = self._flow(entry, visit.slot)
        position = self._chain.position(entry, context.tail_calls)
        prefix = (*context.base, BEHIND, position, entry)
        member = self._members.get(prefix)
        if member is None:
            counts = Count(context.tail_calls.low + 1, context.tail_calls.high + 1)
            member = replace(context, flow=flow, prefix=prefix, tail_calls=counts)
            self._members[prefix] = member
            self._contexts.append(member)
        member.tail_calls.include(context.tail_calls, 1)
        if context.caller is not None:
            self._tail_callers.add(context)
        state.replace()
        return self._reach(member, entry, flow.start(), state)

    def _leave(self, visit: Visit, state: State) -> list[tuple[Key, bool | None]]:
        result, context = state.get(0), visit.context
        if context.caller is None:
            lock.check_exit(state)
            iterator.check_ended(state, 0, "the program ends")
            record.check_given_back(state, "the program ends")
            if isinstance(memory.readable(state, 0), Ptr):
                raise address_dependent("the program returns a pointer")
            return []
        if isinstance(result, Ptr) and result.kind == Kind.STACK:
            raise Failure(
                Category.CALL,
                "a function returns a pointer into a stack",
                "return a value, or let the caller pass a buffer",
                0,
            )
        iterator.check_ended(state, state.depth * STACK_BYTES, "the function that has it on its stack returns")
        caller, slot, helper = context.caller, context.call_slot, context.helper
        caller.tail_calls.include(context.tail_calls)
        if helper is not None:
            record.check_given_back(state, f"a function that {helper.name} calls returns", state.depth)
            ways = callback.leave(state, helper, context.index, slot)
            return [
                (
                    self._after_rounds(caller, slot, context.call_iterations, after)
                    if stops
                    else self._after(caller, slot, context.call_iterations, slot, after),
                    stops,
                )
                for stops, after in ways
            ]
        state.leave()
        for r in range(1, 6):
            state.set(r, NEVER_WRITTEN)
        return [(self._after(caller, slot, context.call_iterations, slot + 1, state), None)]
