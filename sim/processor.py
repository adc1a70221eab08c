"""Executes BPF instructions, one section of RFC 9669 a method. It knows no XDP; `sim.interpreter` does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

from ..codegen.isa import (
    FRAME_POINTER,
    Alu,
    Atomic,
    Class,
    FunctionReference,
    Instruction,
    KernelReference,
    MapReference,
    Mode,
)
from ..codegen.spec import ProgramSpec
from .arithmetic import U64, alu, atomic, condition, signed
from .memory import Memory, Stack, Trap

MOST_STEPS = 1_000_000
MOST_FRAMES = 8
_STACK_REGION = 16  # region number of the main program's stack; callees have the numbers behind it
_END = -1  # instead of a slot to return to: the end of the program, or back to the helper that called
CODE = 32 << 32  # the address of slot 0: a region that cannot be read


@dataclass(frozen=True, slots=True)
class _Call:
    """A call in progress: where to go on and what the caller gets back (r6 to r9 and its frame pointer)."""

    slot: int
    saved: tuple[int | None, ...]


class Environment(ABC):
    """What is around the processor."""

    @abstractmethod
    def reference(self, reference: MapReference) -> int:
        """The number that an LD_IMM64 of a map or a global variable loads."""

    @abstractmethod
    def helper(self, number: int, args: Callable[[int], int]) -> int | None:
        """Call a helper; ``args(n)`` is argument n (1 to 5). Returns r0, None if it has no value afterwards.

        It may change where the processor goes on (`Processor.tail_call`).
        """

    def kernel_function(self, name: str, args: Callable[[int], int]) -> int | None:
        """Call a function of the kernel; like `helper`."""
        raise Trap(f"call of the kernel function {name}, which is not supported")


class Processor:
    """Runs a program over a memory. ``slot`` is the instruction being executed; ``executed`` collects all of them.
    ``fill``: the bytes of stack that were not written yet."""

    def __init__(
        self,
        program: ProgramSpec,
        memory: Memory,
        environment: Environment,
        executed: set[int] | None = None,
        fill: int = 0,
    ) -> None:
        self.program = program
        self._executed = set() if executed is None else executed
        self._memory = memory
        self._environment = environment
        self._fill = fill
        self._registers: list[int | None] = []
        self._calls: list[_Call] = []
        self._steps = 0
        self.tail_calls = 0
        self.decisions: list[tuple[int, int]] = []  # of this run: slot of a conditional jump or tail call, the next
        self.slot = 0
        self._following: int | None = None  # where a tail call goes on
        execute = {
            Class.LD: self._load64,
            Class.LDX: self._load,
            Class.ST: self._store,
            Class.STX: self._store_or_atomic,
            Class.ALU: self._alu,
            Class.ALU64: self._alu,
            Class.JMP: self._jump,
            Class.JMP32: self._jump,
        }
        self._by_class = [execute[cls] for cls in Class]  # not by instruction: a frame runs few of them

    def run(self, *arguments: int) -> int:
        """r0 at exit, with ``arguments`` in r1, r2 ... Raises `Trap` with its place."""
        self._registers = [None, *arguments, *[None] * (FRAME_POINTER - len(arguments))]
        self._calls = []
        self._steps = 0
        self._enter_frame()
        self.tail_calls = 0
        self.decisions = []
        self.slot = 0
        try:
            return self._execute()
        except Trap as trap:
            raise Trap(trap.reason, self.program.place(self.slot)) from None

    def call(self, function: int, *arguments: int) -> int:
        """Call the function at an address, for a helper; its r0."""
        here = self.slot
        self._call(function - CODE, behind=_END)
        self._registers[1:6] = [*arguments, *[None] * (5 - len(arguments))]
        self.slot = function - CODE
        result = self._execute()
        self.slot = here
        return result

    def _execute(self) -> int:
        code, by_class, executed = self.program.instructions, self._by_class, self._executed
        while self._steps < MOST_STEPS:
            self._steps += 1
            slot = self.slot
            if slot >= len(code):
                self.slot = len(code) - 1
                raise Trap("execution runs past the last instruction")
            instruction = code[slot]
            executed.add(slot)
            following = by_class[instruction.opcode & 0x07](instruction)
            if following == _END:
                return self._get(0)
            self.slot = following
        raise Trap(f"no end after {MOST_STEPS} instructions")

    # Registers: None is a register that was never written or that a call left unreadable.

    def _get(self, number: int) -> int:
        value = self._registers[number]
        if value is None:
            raise Trap(f"read of r{number}, which has no value")
        return value

    def _second(self, i: Instruction) -> int:
        """The second operand of arithmetic and jumps."""
        return self._get(i.src) if i.uses_register else i.imm & U64

    # Section 4.1 and 4.2: arithmetic and byte swaps

    def _alu(self, i: Instruction) -> int:
        dst = 0 if i.operation == Alu.MOV else self._get(i.dst)
        src = 0 if i.operation in (Alu.NEG, Alu.END) else self._second(i)
        self._registers[i.dst] = alu(i, dst, src)
        return self.slot + 1

    # Section 4.3: jumps and calls

    def _jump(self, i: Instruction) -> int:
        if i.is_goto:
            return self.slot + 1 + (i.distance or 0)
        if i.is_exit:
            return self._exit()
        if i.is_local_call:
            return self._call(self.slot + 1 + i.imm)
        if i.is_helper_call:
            result = self._environment.helper(i.imm, self._get)
            following, self._following = self._following, None
            if following is None:
                self._registers[:6] = [None if result is None else result & U64, *[None] * 5]
            return self.slot + 1 if following is None else self._decide(following)
        if isinstance(i.reference, KernelReference):
            result = self._environment.kernel_function(i.reference.name, self._get)
            self._registers[:6] = [result, *[None] * 5]
            return self.slot + 1
        if not i.is_conditional or i.operation == 0xE0:
            raise Trap("this kind of call or jump is not supported")
        taken = condition(i, self._get(i.dst), self._second(i))
        return self._decide(self.slot + 1 + (i.offset if taken else 0))

    def _decide(self, following: int) -> int:
        self.decisions.append((self.slot, following))
        return following

    def _call(self, target: int, behind: int | None = None) -> int:
        if len(self._calls) + 1 >= MOST_FRAMES:
            raise Trap(f"more than {MOST_FRAMES} nested function calls")
        behind = self.slot + 1 if behind is None else behind
        self._calls.append(_Call(behind, tuple(self._registers[6 : FRAME_POINTER + 1])))
        self._enter_frame()
        return target

    def _enter_frame(self) -> None:
        depth = len(self._calls)
        base = self._memory.map(_STACK_REGION + depth, Stack(depth, self._fill))
        self._registers[FRAME_POINTER] = base + Stack.SIZE

    def tail_call(self, target: int) -> None:
        """Another program takes the place of the current function: all it gets is r1, and a fresh stack."""
        self.tail_calls += 1
        self._registers[2:FRAME_POINTER] = [None] * (FRAME_POINTER - 2)
        self._registers[0] = None
        self._memory.unmap(_STACK_REGION + len(self._calls))
        self._enter_frame()
        self._following = target

    def _exit(self) -> int:
        """The slot to return to, or that it is the end."""
        self._memory.unmap(_STACK_REGION + len(self._calls))
        if not self._calls:
            return _END
        call = self._calls.pop()
        self._registers[1:6] = [None] * 5
        self._registers[6 : FRAME_POINTER + 1] = call.saved
        return call.slot

    # Section 5.1 and 5.2: loads and stores

    def _load(self, i: Instruction) -> int:
        data = self._memory.load(self._address(i.src, i.offset), i.size)
        value = int.from_bytes(data, "little")
        self._registers[i.dst] = signed(value, 8 * i.size) & U64 if i.mode == Mode.MEMSX else value
        return self.slot + 1

    def _store(self, i: Instruction) -> int:
        return self._put(i, i.imm)

    def _put(self, i: Instruction, value: int) -> int:
        data = (value & ((1 << 8 * i.size) - 1)).to_bytes(i.size, "little")
        self._memory.store(self._address(i.dst, i.offset), data, self.slot)
        return self.slot + 1

    def _address(self, register: int, offset: int) -> int:
        return (self._get(register) + offset) & U64

    # Section 5.3: atomic operations

    def _store_or_atomic(self, i: Instruction) -> int:
        if not i.is_atomic or i.imm == Atomic.STORE_RELEASE:
            return self._put(i, self._get(i.src))
        if i.imm == Atomic.LOAD_ACQUIRE:
            return self._load(i)
        address = self._address(i.dst, i.offset)
        region, offset = self._memory.locate(address)
        if not region.atomic:
            raise Trap(f"atomic operation on {region.name}")
        if offset % i.size:
            raise Trap("atomic operation on an address that is no multiple of its size")
        old = int.from_bytes(region.load(offset, i.size), "little")
        mask = (1 << 8 * i.size) - 1
        if i.imm == Atomic.CMPXCHG:
            if old == self._get(0) & mask:
                self._put(i, self._get(i.src))
            self._registers[0] = old
        else:
            self._put(i, atomic(i.imm, old, self._get(i.src)))
            if i.imm & Atomic.FETCH:
                self._registers[i.src] = old
        return self.slot + 1

    # Section 5.4: 64-bit immediates

    def _load64(self, i: Instruction) -> int:
        if not i.is_load64:
            raise Trap("execution of half an instruction or of a legacy packet load")
        if isinstance(i.reference, MapReference):
            self._registers[i.dst] = self._environment.reference(i.reference)
        elif isinstance(i.reference, FunctionReference):
            self._registers[i.dst] = CODE + i.reference.slot
        elif i.imm64 is None or i.reference is not None or i.src:
            raise Trap("this kind of 64-bit immediate is not supported")
        else:
            self._registers[i.dst] = i.imm64
        return self.slot + 2
