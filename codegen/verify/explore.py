"""Exploration: every point once, in an order in which all states that reach it are already there.

A point is an instruction in a context: the chain of calls to it and the iterations of the loops around it. Its key
(`flow.Flow.key`, behind the key of the call for a subprogram) sorts points so that every edge goes to a larger
key; so a priority queue delivers each point when all its predecessors are done, loops unroll by themselves as long
as their branches are possible, and what comes out is acyclic and sorted.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count

from ...hdl.errors import HardpathError, Refused, VerificationError
from ..isa import CALL_REGISTER, FRAME_POINTER, Class, Instruction, Jump, Load64, MapReference, Mode, reads
from ..spec import ProgramSpec
from . import alu, branch, memory
from .call import Environment, call
from .explain import causal_path
from .failure import Category, Failure, Unbuildable, address_dependent
from .flow import Flow, FlowFailure, Key
from .join import Join, gather
from .number import constant
from .result import AbstractValue, Kind, Mixed, Point, Pointer, Scalar, Successor
from .state import MAX_FRAMES, STACK_BYTES, Starts, State, Step
from .values import NEVER_WRITTEN, Num, Ptr, Unusable, fact, join_facts, scalar


@dataclass(frozen=True)
class Limits:
    """How much work verification takes on before it refuses a program.

    ``points``: instructions of the unrolled program. ``iterations``: of one loop. ``states``: kept apart at one
    point. ``seconds`` of CPU time, in all, and more for each instruction of a long program (``per_instruction``):
    a short program that takes long is one whose loops explode.
    """

    points: int = 100_000
    iterations: int = 2048
    states: int = 4096
    seconds: float = 6.0
    per_instruction: float = 0.006

    def budget(self, program: ProgramSpec) -> float:
        """Seconds for this program."""
        return self.seconds + self.per_instruction * len(program.instructions)


class Rejection(Exception):
    """An exploration failed with ``error``; keeping more states apart may help unless ``final``. ``limit``: it only
    became too much."""

    def __init__(self, error: HardpathError, final: bool, limit: bool = False) -> None:
        super().__init__(error)
        self.error = error
        self.final = final
        self.limit = limit


@dataclass(eq=False)
class Context:
    """One run of a function: the main program or an inlined subprogram."""

    flow: Flow
    prefix: Key = ()
    caller: Context | None = None
    call_slot: int = 0
    call_iterations: tuple[int, ...] = ()
    calls: tuple[int, ...] = ()
    outer_iterations: tuple[tuple[int, int], ...] = ()

    def chain(self) -> list[Context]:
        """The contexts from the main program to this one; index is call depth."""
        above = self.caller.chain() if self.caller else []
        return [*above, self]


@dataclass
class Visit:
    """A point that has been reached but not yet explored."""

    context: Context
    slot: int
    iterations: tuple[int, ...]
    states: list[State] = field(default_factory=list)


_FEW = 8
"""States at a loop header that are compared with those of the iteration before."""

Ways = Iterable[tuple[int, bool | None, State]]


class Explorer:
    """One exploration, with ``per_shape`` states kept apart where paths meet, until ``deadline``
    (`time.process_time`)."""

    def __init__(
        self, program: ProgramSpec, env: Environment, limits: Limits, per_shape: int, deadline: float
    ) -> None:
        self._program, self._env, self._limits = program, env, limits
        self._per_shape, self._deadline = per_shape, deadline
        self._fresh = count(1).__next__
        self._flows: dict[int, Flow] = {}
        self._arguments_of: set[int] = set()  # functions whose flow is being made, against recursion
        self._pending: dict[Key, Visit] = {}
        self._queue: list[Key] = []
        self._headers: dict[tuple[Context, int, tuple[int, ...]], list[State]] = {}
        self._deepest: dict[int, int] = {}  # function -> bytes of stack it uses
        self._contexts: list[Context] = []
        self._lossy = False

    def run(self) -> tuple[Point, ...]:
        """The points; raises `Rejection`."""
        start = Context(self._flow(0, 0))
        self._contexts.append(start)
        program = self._program
        self._reach(start, 0, start.flow.start(), State(program.memory if program.type == "raw" else None))
        done: list[tuple[Key, Visit, dict[int, AbstractValue], Starts, list[tuple[Key, bool | None]]]] = []
        while self._queue:
            key = heapq.heappop(self._queue)
            visit = self._pending.pop(key)
            if len(done) >= self._limits.points or time.process_time() > self._deadline:
                raise self._too_much(visit, len(done))
            self._prune(visit)
            facts, starts = self._facts(visit), Starts.of(visit.states)
            done.append((key, visit, facts, starts, self._advance(visit)))
            visit.states = []
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
                self._iteration(visit),
                starts.metadata,
            )
            for position, (_, visit, facts, starts, targets) in enumerate(done)
        )

    def _iteration(self, visit: Visit) -> tuple[tuple[int, int], ...]:
        loops = visit.context.flow.nests[visit.slot].loops
        return visit.context.outer_iterations + tuple(zip(loops, visit.iterations, strict=True))

    # Reaching points.

    def _flow(self, entry: int, slot: int) -> Flow:
        """The flow of the function at ``entry``; ``slot`` is what needs it, for messages."""
        if entry in self._flows:
            return self._flows[entry]
        if entry not in self._program.functions:
            failure = Failure(Category.CALL, f"no function begins at instruction {entry}", "recompile the object")
            raise Rejection(self._error(failure, slot), True)
        instructions = self._program.instructions
        end = min((f for f in self._program.functions if f > entry), default=len(instructions))
        self._arguments_of.add(entry)
        try:
            flow = Flow(instructions, entry, end, self._argument_mask)
        except FlowFailure as failure:
            raise Rejection(self._error(failure, failure.slot), True) from None
        finally:
            self._arguments_of.discard(entry)
        self._flows[entry] = flow
        return flow

    def _argument_mask(self, i: Instruction, slot: int) -> int:
        """Registers that a call reads, as a bit set."""
        if i.is_helper_call:
            plugin = self._env.helpers.get(i.imm)
            return sum(1 << r for r in range(1, 6 if plugin is None else len(plugin.args) + 1))
        target = slot + 1 + i.imm
        if not i.is_local_call or target in self._arguments_of:
            return 0b111110
        flow = self._flow(target, slot)
        return flow.live[target] & 0b111110

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
        """Forget what no later instruction needs, and join what need not be kept apart."""
        chain = visit.context.chain()
        keys = [
            depth << 4 | r
            for depth in range(len(chain))
            for r in range(11)
            if r == FRAME_POINTER or self._is_live(chain, depth, r, visit.slot)
        ]
        for state in visit.states:
            known = state.registers
            state.registers = {key: known.get(key, NEVER_WRITTEN) for key in keys}
            state.forget_unused_proofs()
        if len(visit.states) > 1:
            visit.states = gather(visit.states, self._per_shape, self._fresh)
            self._lossy = self._lossy or any(state.lossy for state in visit.states)
            if len(visit.states) > self._limits.states:
                raise self._too_much(visit, 0)
        self._check_progress(visit)

    @staticmethod
    def _is_live(chain: list[Context], depth: int, register: int, slot: int) -> bool:
        if depth == len(chain) - 1:
            return bool(chain[depth].flow.live[slot] >> register & 1)
        behind = chain[depth + 1].call_slot + 1  # in a caller only r6 to r9 survive the call
        return 6 <= register <= 9 and bool(chain[depth].flow.live[behind] >> register & 1)

    def _check_progress(self, visit: Visit) -> None:
        """At the header of a loop: the states must not be those of one iteration before, or it never ends."""
        loops = visit.context.flow.nests[visit.slot].loops
        if not loops or loops[-1] != visit.slot:
            return
        iteration = visit.iterations[-1]
        if iteration > self._limits.iterations:
            raise self._endless(visit)
        loop = (visit.context, visit.slot, visit.iterations[:-1])
        before = self._headers.get(loop, []) if iteration else []
        self._headers[loop] = [state.copy() for state in visit.states]
        if before and self._same(before, visit.states):
            state = visit.states[0]
            state.history = Step(visit.slot, state.depth, state.history)
            failure = Failure(
                Category.LOOP,
                "an iteration ends in the state it began in, so nothing bounds the loop",
                "count the iterations in a variable and compare it with a constant",
            )
            lossy = any(state.lossy for state in (*before, *visit.states))
            raise Rejection(self._error(failure, visit.slot, state), not lossy)

    def _same(self, before: list[State], after: list[State]) -> bool:
        """Whether two sets of states are equal; large ones count as different."""

        def equal(a: State, b: State) -> bool:
            join = Join(a, b, self._fresh)
            return not join.lost_a and not join.lost_b

        if len(before) != len(after) or len(after) > _FEW:
            return False
        return all(any(equal(a, b) for a in before) for b in after)

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
        base = i.src if i.is_load else i.dst if i.is_store or i.is_atomic else None
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
            chain = context.chain()
            used = [-(-max(self._deepest.get(c.flow.entry, 0), 1) // 16) * 16 for c in chain]
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
            return self._enter(visit, i, state)
        context, flow = visit.context, visit.context.flow
        return [
            (self._reach(context, target, flow.follow(visit.slot, visit.iterations, target), after), taken)
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
        value: Num | Ptr = scalar(constant(i.imm))
        if i.cls == Class.STX:
            value = memory.readable(state, i.src)
            if isinstance(value, Num) and not value.id and not value.number.is_constant:
                # Linux as well tells a stored number and its register to be the same.
                value = Num(value.number, self._fresh())
                state.set(i.src, value)
        memory.store(state, i, value, self._env.maps)

    def _load64(self, i: Instruction) -> Num | Ptr:
        if isinstance(i.reference, MapReference):
            self._env.use_map(i.reference.map)
            if i.reference.offset is None:
                return Ptr(Kind.MAP, map=i.reference.map)
            return Ptr(Kind.MAP_VALUE, i.reference.offset, map=i.reference.map)
        if i.src != Load64.NUMBER or i.reference is not None:
            what = {Load64.FUNCTION: "a function pointer", Load64.KERNEL_VARIABLE: "a kernel variable"}
            raise Unbuildable(
                f"{what.get(Load64(i.src), 'a map without a name')} is loaded",
                "call functions directly, and use maps by their definitions",
            )
        return scalar(constant(i.imm64 or 0))

    def _call(self, i: Instruction, state: State) -> list[State]:
        if not i.is_helper_call:
            raise Unbuildable(
                "callx, a call through a register, is not supported"
                if i.opcode == CALL_REGISTER
                else "kernel functions (kfuncs) are not supported",
                "call a helper or a function of this object directly",
            )
        return call(state, self._env.helper(i.imm), self._env, self._fresh)

    def _enter(self, visit: Visit, i: Instruction, state: State) -> list[tuple[Key, bool | None]]:
        context = visit.context
        target = visit.slot + 1 + i.imm
        flow = self._flow(target, visit.slot)
        chain = context.chain()
        if any(c.flow is flow for c in chain):
            raise Failure(Category.CALL, "the call is recursive", "write it as a bounded loop")
        if len(chain) == MAX_FRAMES:
            raise Failure(Category.CALL, f"calls nest more than {MAX_FRAMES} deep", "inline some functions")
        key = context.prefix + context.flow.key(visit.slot, visit.iterations)
        inner = self._pending.get(key + flow.key(target, flow.start()))
        callee = inner.context if inner else self._context(visit, flow, key)
        state.enter()
        return [(self._reach(callee, target, flow.start(), state), None)]

    def _context(self, visit: Visit, flow: Flow, key: Key) -> Context:
        caller = visit.context
        context = Context(
            flow,
            key,
            caller,
            visit.slot,
            visit.iterations,
            (*caller.calls, visit.slot),
            self._iteration(visit),
        )
        self._contexts.append(context)
        return context

    def _leave(self, visit: Visit, state: State) -> list[tuple[Key, bool | None]]:
        result, context = state.get(0), visit.context
        if context.caller is None:
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
        state.leave()
        for r in range(1, 6):
            state.set(r, NEVER_WRITTEN)
        caller, slot = context.caller, context.call_slot
        iterations = caller.flow.follow(slot, context.call_iterations, slot + 1)
        return [(self._reach(caller, slot + 1, iterations, state), None)]

    # Errors.

    def _error(self, failure: Failure, slot: int, state: State | None = None) -> VerificationError:
        path = causal_path(self._program.instructions, state, failure.registers) if state else []
        return VerificationError(
            failure.category.value,
            failure.reason,
            self._program.place(slot),
            tuple(self._program.place(s) for s in path),
            failure.suggestion,
        )

    def _loop_of(self, visit: Visit) -> str:
        loops = self._iteration(visit)
        if not loops:
            return "the program"
        header = max(loops, key=lambda loop: loop[1])[0]
        return f"the loop at {self._program.place(header)}"

    def _endless(self, visit: Visit) -> Rejection:
        refusal = Refused(
            f"{self._loop_of(visit)} runs more than {self._limits.iterations} times",
            "bound the loop by a smaller constant: every iteration becomes hardware",
            self._program.place(visit.slot),
        )
        return Rejection(refusal, not self._lossy, limit=True)

    def _too_much(self, visit: Visit, points: int) -> Rejection:
        limits, seconds = self._limits, self._limits.budget(self._program)
        refusal = Refused(
            f"unrolling takes more than {limits.points} points, {limits.states} states at one, or {seconds:.0f} s; "
            f"it got to {points} points and most often through {self._loop_of(visit)}",
            "bound the loops by smaller constants: every iteration becomes hardware",
            self._program.place(visit.slot),
        )
        return Rejection(refusal, True, limit=True)
