"""A small BPF assembler with labels, for programs that tests make."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hardpath.codegen.isa import (
    CALL,
    EXIT,
    JA32,
    LD_IMM64,
    Alu,
    Call,
    Class,
    FunctionReference,
    Instruction,
    Jump,
    KernelReference,
    Load64,
    MapReference,
    Mode,
)

SIZE_CODES = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}
CTX, FP = 1, 10


@dataclass(eq=False)
class Label:
    """A place to jump to; ``slot`` once it is known."""

    slot: int | None = None


class Assembler:
    """Collects instructions; jumps are resolved by `finish`."""

    def __init__(self) -> None:
        self._code: list[Instruction] = []
        self._jumps: list[tuple[int, Label]] = []

    @property
    def slot(self) -> int:
        return len(self._code)

    def emit(self, opcode: int, dst: int = 0, src: int = 0, offset: int = 0, imm: int = 0) -> None:
        self._code.append(Instruction(opcode, dst, src, offset, imm))

    def alu(self, op: Alu, dst: int, *, src: int | None = None, imm: int = 0, bits: int = 64, offset: int = 0) -> None:
        """``src`` is a register, else ``imm`` counts; ``offset`` 1 makes division signed, 8/16/32 extends."""
        cls = Class.ALU64 if bits == 64 else Class.ALU
        self.emit(cls | op | (0 if src is None else 8), dst, src or 0, offset, imm)

    def move(self, dst: int, *, src: int | None = None, imm: int = 0) -> None:
        self.alu(Alu.MOV, dst, src=src, imm=imm)

    def swap(self, dst: int, bits: int, kind: str) -> None:
        """``kind``: le, be or bswap."""
        cls = Class.ALU64 if kind == "bswap" else Class.ALU
        self.emit(cls | Alu.END | (8 if kind == "be" else 0), dst, imm=bits)

    def jump(
        self, op: Jump, target: Label, dst: int = 0, *, src: int | None = None, imm: int = 0, bits: int = 64
    ) -> None:
        """Jump.JA with 32 ``bits`` is "gotol"."""
        self._jumps.append((self.slot, target))
        cls = Class.JMP if bits == 64 else Class.JMP32
        self.emit(cls | op | (0 if src is None else 8), dst, src or 0, 0, imm)

    def place(self, label: Label) -> None:
        label.slot = self.slot

    def load(self, size: int, dst: int, src: int, offset: int, *, signed: bool = False) -> None:
        mode = Mode.MEMSX if signed else Mode.MEM
        self.emit(Class.LDX | mode | SIZE_CODES[size], dst, src, offset)

    def store(self, size: int, dst: int, offset: int, *, src: int | None = None, imm: int = 0) -> None:
        cls = Class.ST if src is None else Class.STX
        self.emit(cls | Mode.MEM | SIZE_CODES[size], dst, src or 0, offset, imm)

    def atomic(self, op: int, size: int, dst: int, offset: int, src: int) -> None:
        self.emit(Class.STX | Mode.ATOMIC | SIZE_CODES[size], dst, src, offset, op)

    def constant(self, dst: int, value: int) -> None:
        """An LD_IMM64."""
        value &= (1 << 64) - 1
        self._wide(Instruction(LD_IMM64, dst, 0, 0, _signed32(value), value), _signed32(value >> 32))

    def map(self, dst: int, name: str, offset: int | None = None) -> None:
        """An LD_IMM64 of a map, or of the byte at ``offset`` of its first value."""
        kind = 1 if offset is None else 2
        self._wide(Instruction(LD_IMM64, dst, kind, 0, 0, 0, MapReference(name, offset)), 0)

    def function(self, dst: int, target: Label) -> None:
        """An LD_IMM64 of a function's address."""
        self._jumps.append((self.slot, target))
        self._wide(Instruction(LD_IMM64, dst, Load64.FUNCTION, 0, 0, 0), 0)

    def _wide(self, first: Instruction, second: int) -> None:
        self._code += [first, Instruction(0, 0, 0, 0, second)]

    def call(self, helper: int) -> None:
        self.emit(CALL, imm=helper)

    def call_kernel(self, name: str) -> None:
        self._code.append(Instruction(CALL, 0, Call.KERNEL, 0, 0, reference=KernelReference(name)))

    def call_local(self, target: Label) -> None:
        self._jumps.append((self.slot, target))
        self.emit(CALL, src=Call.LOCAL)

    def exit(self) -> None:
        self.emit(EXIT)

    def frame(self, size: int, short: Label, *, ctx: int = CTX, data: int = 6, end: int = 2, scratch: int = 3) -> None:
        """``data``, ``end``: where the frame begins and ends, with ``size`` bytes at least; if not, to ``short``."""
        self._frame(size, ctx, data, end, scratch)
        self.jump(Jump.JGT, short, scratch, src=end)

    def frame_or(
        self, size: int, verdict: int, *, ctx: int = CTX, data: int = 6, end: int = 2, scratch: int = 3
    ) -> None:
        """The same, but without these bytes the program ends with a verdict."""
        there = Label()
        self._frame(size, ctx, data, end, scratch)
        self.jump(Jump.JLE, there, scratch, src=end)
        self.move(0, imm=verdict)
        self.exit()
        self.place(there)

    def _frame(self, size: int, ctx: int, data: int, end: int, scratch: int) -> None:
        self.load(4, data, ctx, 0)
        self.load(4, end, ctx, 4)
        self.move(scratch, src=data)
        self.alu(Alu.ADD, scratch, imm=size)

    def finish(self) -> tuple[Instruction, ...]:
        for slot, label in self._jumps:
            assert label.slot is not None, "a jump to a label that was never placed"
            instruction, distance = self._code[slot], label.slot - slot - 1
            if instruction.is_load64:
                self._code[slot] = replace(instruction, reference=FunctionReference(label.slot, f"f{label.slot}"))
                continue
            field = "imm" if instruction.opcode in (CALL, JA32) else "offset"
            self._code[slot] = replace(instruction, **{field: distance})
        self._jumps = []
        return tuple(self._code)


def _signed32(value: int) -> int:
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000
