"""BPF instructions (RFC 9669): encoding, decoding, checks of the encoding, and what each reads and writes."""

from __future__ import annotations

import enum
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..hdl.errors import InputError

SLOT_BYTES = 8


class Class(enum.IntEnum):
    """Instruction class, the low three bits of an opcode (RFC 9669 section 3.1)."""

    LD = 0x00
    LDX = 0x01
    ST = 0x02
    STX = 0x03
    ALU = 0x04  # 32 bits; the upper half of the result is zero
    JMP = 0x05
    JMP32 = 0x06
    ALU64 = 0x07


class Mode(enum.IntEnum):
    """How a load or store addresses memory (RFC 9669 section 5)."""

    IMM = 0x00
    ABS = 0x20
    IND = 0x40
    MEM = 0x60
    MEMSX = 0x80
    ATOMIC = 0xC0


class Alu(enum.IntEnum):
    """Operation of an ALU or ALU64 instruction (RFC 9669 section 4.1)."""

    ADD = 0x00
    SUB = 0x10
    MUL = 0x20
    DIV = 0x30  # signed when offset is 1
    OR = 0x40
    AND = 0x50
    LSH = 0x60
    RSH = 0x70
    NEG = 0x80
    MOD = 0x90  # signed when offset is 1
    XOR = 0xA0
    MOV = 0xB0  # sign-extending from ``offset`` bits when offset is not 0
    ARSH = 0xC0
    END = 0xD0  # byte swaps; ``imm`` bits


class Jump(enum.IntEnum):
    """Operation of a JMP or JMP32 instruction (RFC 9669 section 4.3)."""

    JA = 0x00
    JEQ = 0x10
    JGT = 0x20
    JGE = 0x30
    JSET = 0x40
    JNE = 0x50
    JSGT = 0x60
    JSGE = 0x70
    CALL = 0x80
    EXIT = 0x90
    JLT = 0xA0
    JLE = 0xB0
    JSLT = 0xC0
    JSLE = 0xD0
    JCOND = 0xE0  # may_goto (Linux 6.9), not in RFC 9669


class Atomic(enum.IntEnum):
    """``imm`` of an atomic instruction (RFC 9669 section 5.3). The last two are of Linux 6.15."""

    ADD = 0x00
    OR = 0x40
    AND = 0x50
    XOR = 0xA0
    FETCH = 0x01  # a flag: the source register gets the old value
    XCHG = 0xE1
    CMPXCHG = 0xF1
    LOAD_ACQUIRE = 0x100
    STORE_RELEASE = 0x110


class Call(enum.IntEnum):
    """``src`` of a call instruction (RFC 9669 section 4.3.1)."""

    HELPER = 0
    LOCAL = 1  # imm: slots from the next one to the function
    KERNEL = 2  # a kernel function by BTF id


class Load64(enum.IntEnum):
    """``src`` of an LD_IMM64 (RFC 9669 section 5.4)."""

    NUMBER = 0
    MAP_FD = 1
    MAP_VALUE = 2
    KERNEL_VARIABLE = 3
    FUNCTION = 4
    MAP_INDEX = 5
    MAP_VALUE_INDEX = 6


LD_IMM64 = 0x18
CALL = 0x85
CALL_REGISTER = 0x8D
EXIT = 0x95
JA = 0x05
JA32 = 0x06  # "gotol": the distance is in ``imm``
FRAME_POINTER = 10

_CLASSES = tuple(Class)  # by number; calling Class for each instruction takes a tenth of verification's time
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
_ATOMIC_OPERATIONS = {
    *(op | fetch for op in (Atomic.ADD, Atomic.OR, Atomic.AND, Atomic.XOR) for fetch in (0, Atomic.FETCH)),
    Atomic.XCHG,
    Atomic.CMPXCHG,
}
_BARRIERS = {Atomic.LOAD_ACQUIRE, Atomic.STORE_RELEASE}


@dataclass(frozen=True, slots=True)
class MapReference:
    """An LD_IMM64 that loads a map (``offset`` None) or the address ``offset`` bytes into its first value."""

    map: str
    offset: int | None = None


@dataclass(frozen=True, slots=True)
class FunctionReference:
    """An LD_IMM64 that loads the address of a subprogram: its first slot in the program, and its name."""

    slot: int
    name: str


@dataclass(frozen=True, slots=True)
class KernelReference:
    """A call of a kernel function by name; its BTF id differs from kernel to kernel."""

    name: str


@dataclass(frozen=True, slots=True)
class Poison:
    """A call of nothing, which no kernel takes: libbpf puts it where a CO-RE relocation has no answer.

    ``reason`` says why there is none.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Instruction:
    """One 8-byte slot (RFC 9669 section 3). The second slot of a 64-bit immediate has opcode 0.

    ``imm`` and ``offset`` are signed, as encoded. ``imm64`` is the whole unsigned immediate of an LD_IMM64.
    """

    opcode: int
    dst: int
    src: int
    offset: int
    imm: int
    imm64: int | None = None
    reference: MapReference | FunctionReference | KernelReference | Poison | None = None

    @property
    def cls(self) -> Class:
        """Instruction class."""
        return _CLASSES[self.opcode & 0x07]

    @property
    def mode(self) -> int:
        """Addressing mode of a load or store, a `Mode` if the opcode is a valid one."""
        return self.opcode & 0xE0

    @property
    def size(self) -> int:
        """Bytes that a load, store or atomic instruction moves: 1, 2, 4 or 8."""
        return _SIZES[self.opcode & 0x18]

    @property
    def operation(self) -> int:
        """Upper four bits of an ALU or jump opcode: an `Alu` or a `Jump`."""
        return self.opcode & 0xF0

    @property
    def uses_register(self) -> bool:
        """Whether the second operand of an ALU or jump instruction is ``src`` (BPF_X), not ``imm``."""
        return bool(self.opcode & 0x08)

    @property
    def is_alu(self) -> bool:
        """ALU or ALU64."""
        return self.cls in (Class.ALU, Class.ALU64)

    @property
    def is_load64(self) -> bool:
        """The first slot of an LD_IMM64."""
        return self.opcode == LD_IMM64

    @property
    def is_load(self) -> bool:
        """A load from memory into ``dst``, at ``src`` + ``offset`` (sign-extending in mode MEMSX)."""
        return self.cls == Class.LDX

    @property
    def is_store(self) -> bool:
        """A plain store of ``src`` (STX) or ``imm`` (ST) at ``dst`` + ``offset``."""
        return self.cls in (Class.ST, Class.STX) and self.mode == Mode.MEM

    @property
    def is_atomic(self) -> bool:
        """An atomic instruction; its operation is ``imm`` (`Atomic`)."""
        return self.cls == Class.STX and self.mode == Mode.ATOMIC

    @property
    def is_call(self) -> bool:
        """A call of whatever kind."""
        return self.opcode in (CALL, CALL_REGISTER)

    @property
    def is_helper_call(self) -> bool:
        """A call of the helper with id ``imm``."""
        return self.opcode == CALL and self.src == Call.HELPER

    @property
    def is_local_call(self) -> bool:
        """A call of a subprogram, ``imm`` + 1 slots further."""
        return self.opcode == CALL and self.src == Call.LOCAL

    @property
    def is_kernel_call(self) -> bool:
        """A call of a kernel function, which ``reference`` names if it is known."""
        return self.opcode == CALL and self.src == Call.KERNEL

    @property
    def is_exit(self) -> bool:
        """The end of a function."""
        return self.opcode == EXIT

    @property
    def is_goto(self) -> bool:
        """An unconditional jump."""
        return self.opcode in (JA, JA32)

    @property
    def is_conditional(self) -> bool:
        """A jump with two ways to go on."""
        return self.cls in (Class.JMP, Class.JMP32) and self.operation not in (Jump.JA, Jump.CALL, Jump.EXIT)

    @property
    def slots(self) -> int:
        """Slots this instruction takes: 2 for an LD_IMM64."""
        return 2 if self.opcode == LD_IMM64 else 1

    @property
    def distance(self) -> int | None:
        """Slots from the following one to the target of a jump; None for everything else."""
        if self.opcode == JA32:
            return self.imm
        return self.offset if self.is_goto or self.is_conditional else None


def successors(instruction: Instruction, slot: int) -> tuple[int, ...]:
    """Slots that can run next inside the same function: fall-through first, then the jump target.

    A call goes on behind itself; exit has none.
    """
    following = slot + instruction.slots
    distance = instruction.distance
    if instruction.is_exit:
        return ()
    if distance is None:
        return (following,)
    target = slot + 1 + distance
    return (target,) if instruction.is_goto else (following, target)


def reads(instruction: Instruction) -> frozenset[int]:
    """Registers an instruction depends on. Calls read r1 to r5 (how many of them is up to the callee)."""
    i = instruction
    match i.cls:
        case Class.LD:
            return frozenset({Mode.ABS: {6}, Mode.IND: {6, i.src}}.get(Mode(i.mode), set()))
        case Class.LDX:
            return frozenset({i.src})
        case Class.ST:
            return frozenset({i.dst})
        case Class.STX:
            if i.is_atomic and i.imm == Atomic.LOAD_ACQUIRE:
                return frozenset({i.src})
            return frozenset({i.dst, i.src} | ({0} if i.is_atomic and i.imm == Atomic.CMPXCHG else set()))
        case Class.ALU | Class.ALU64:
            if i.operation in (Alu.NEG, Alu.END):
                return frozenset({i.dst})
            source = {i.src} if i.uses_register else set()
            return frozenset(source if i.operation == Alu.MOV else source | {i.dst})
    if i.is_exit:
        return frozenset({0})
    if i.is_call:
        return frozenset({1, 2, 3, 4, 5} | ({i.dst} if i.opcode == CALL_REGISTER else set()))
    if i.is_conditional and i.operation != Jump.JCOND:
        return frozenset({i.dst, i.src} if i.uses_register else {i.dst})
    return frozenset()


def writes(instruction: Instruction) -> frozenset[int]:
    """Registers an instruction changes. Calls set r0 and leave r1 to r5 unreadable."""
    i = instruction
    match i.cls:
        case Class.LD:
            if i.is_load64:
                return frozenset({i.dst})
            return frozenset() if i.opcode == 0 else frozenset({0, 1, 2, 3, 4, 5})
        case Class.LDX | Class.ALU | Class.ALU64:
            return frozenset({i.dst})
        case Class.STX if i.is_atomic:
            if i.imm == Atomic.LOAD_ACQUIRE:
                return frozenset({i.dst})
            if i.imm == Atomic.CMPXCHG:
                return frozenset({0})
            return frozenset({i.src} if i.imm & Atomic.FETCH else ())
    return frozenset({0, 1, 2, 3, 4, 5}) if i.is_call else frozenset()


def decode(code: bytes, where: str = "program") -> tuple[Instruction, ...]:
    """Little-endian bytes as instructions, one for each slot.

    Accepts exactly the encodings that RFC 9669 and Linux know, reserved fields zero, so that what comes later
    need not look at them again. ``where`` names the program in messages. Raises `InputError`.
    """
    if len(code) % SLOT_BYTES:
        raise InputError(f"{where}: {len(code)} bytes are no whole number of 8-byte instructions")
    raw = [
        Instruction(opcode, registers & 0x0F, registers >> 4, offset, imm)
        for opcode, registers, offset, imm in struct.iter_unpack("<BBhi", code)
    ]
    result: list[Instruction] = []
    slot = 0
    while slot < len(raw):
        instruction = raw[slot]
        if problem := encoding_problem(instruction):
            raise InputError(f"{where}: instruction {slot}, opcode 0x{instruction.opcode:02x}: {problem}")
        if not instruction.is_load64:
            result.append(instruction)
            slot += 1
            continue
        second = raw[slot + 1] if slot + 1 < len(raw) else None
        if second is None or second.opcode or second.dst or second.src or second.offset:
            raise InputError(f"{where}: instruction {slot}, opcode 0x18: its second slot is missing")
        imm64 = (instruction.imm & 0xFFFFFFFF) | (second.imm & 0xFFFFFFFF) << 32
        result += [
            Instruction(LD_IMM64, instruction.dst, instruction.src, 0, instruction.imm, imm64),
            second,
        ]
        slot += 2
    return tuple(result)


def encode(
    instructions: Sequence[Instruction],
    map_fd: Callable[[str], int] | None = None,
    kernel_function: Callable[[str], int] | None = None,
) -> bytes:
    """Instructions as little-endian bytes, as bpf(2) takes them.

    ``map_fd`` gives the file descriptor of a map by name, ``kernel_function`` the BTF id of a kernel function; without
    them references are encoded with 0.
    """
    code = bytearray()
    high: int | None = None  # of the LD_IMM64 whose second slot comes next
    for slot, i in enumerate(instructions):
        src, imm = i.src, i.imm
        if high is not None:
            imm, high = _signed32(high), None
        elif i.is_load64:
            low, high = (i.imm64 or 0) & 0xFFFFFFFF, (i.imm64 or 0) >> 32
            if isinstance(i.reference, MapReference):
                src = Load64.MAP_FD if i.reference.offset is None else Load64.MAP_VALUE
                low, high = (map_fd(i.reference.map) if map_fd else 0), i.reference.offset or 0
            elif isinstance(i.reference, FunctionReference):
                src, low, high = Load64.FUNCTION, i.reference.slot - slot - 1, 0
            imm = _signed32(low)
        elif isinstance(i.reference, KernelReference):
            imm = kernel_function(i.reference.name) if kernel_function else 0
        code += struct.pack("<BBhi", i.opcode, i.dst | src << 4, i.offset, imm)
    return bytes(code)


def _signed32(value: int) -> int:
    return (value & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


def encoding_problem(i: Instruction) -> str | None:
    """What is wrong with one slot, or None: unknown opcode, bad register, reserved field not zero."""
    if i.dst > 10 or i.src > 10:
        return f"register r{max(i.dst, i.src)} does not exist"
    match i.cls:
        case Class.LD:
            return _load_problem(i)
        case Class.LDX | Class.ST | Class.STX:
            return _memory_problem(i)
        case Class.ALU | Class.ALU64:
            return _alu_problem(i)
        case _:
            return _jump_problem(i)


def _reserved(**fields: int) -> str | None:
    """The complaint about the first field that is not zero."""
    for name, value in fields.items():
        if value:
            return f"reserved field {name} is {value}, must be 0"
    return None


def _load_problem(i: Instruction) -> str | None:
    if i.opcode == LD_IMM64:
        if i.src > max(Load64):
            return f"field src is {i.src}: unknown kind {i.src} of 64-bit immediate"
        return _reserved(offset=i.offset)
    if i.mode in (Mode.ABS, Mode.IND) and i.size != 8:
        return _reserved(dst=i.dst, offset=i.offset, src=0 if i.mode == Mode.IND else i.src)
    return "unknown opcode"


def _memory_problem(i: Instruction) -> str | None:
    if i.mode == Mode.MEM:
        return _reserved(src=i.src) if i.cls == Class.ST else _reserved(imm=i.imm)
    if i.cls == Class.LDX and i.mode == Mode.MEMSX and i.size != 8:
        return _reserved(imm=i.imm)
    if i.is_atomic:
        if i.imm in _BARRIERS or (i.size >= 4 and i.imm in _ATOMIC_OPERATIONS):
            return None
        return f"field imm is {i.imm}: unknown atomic operation 0x{i.imm & 0xFFFFFFFF:x} of {i.size} bytes"
    return "unknown opcode"


def _alu_problem(i: Instruction) -> str | None:
    op = i.operation
    if op > Alu.END:
        return "unknown opcode"
    if op == Alu.END:
        if i.cls == Class.ALU64 and i.uses_register:
            return "unknown opcode"
        if i.imm not in (16, 32, 64):
            return f"field imm is {i.imm}: byte swap of {i.imm} bits; only 16, 32 and 64 exist"
        return _reserved(src=i.src, offset=i.offset)
    if op == Alu.NEG:
        return "unknown opcode" if i.uses_register else _reserved(src=i.src, offset=i.offset, imm=i.imm)
    if op == Alu.MOV and i.uses_register and i.offset:
        if i.offset not in (8, 16) and not (i.offset == 32 and i.cls == Class.ALU64):
            return f"field offset is {i.offset}: sign extension from {i.offset} bits does not exist"
        return _reserved(imm=i.imm)
    if op in (Alu.DIV, Alu.MOD) and i.offset == 1:
        return _reserved(imm=i.imm) if i.uses_register else _reserved(src=i.src)
    if i.uses_register:
        return _reserved(imm=i.imm, offset=i.offset)
    return _reserved(src=i.src, offset=i.offset)


def _jump_problem(i: Instruction) -> str | None:
    op = i.operation
    if i.opcode == JA:
        return _reserved(dst=i.dst, src=i.src, imm=i.imm)
    if i.opcode == JA32:
        return _reserved(dst=i.dst, src=i.src, offset=i.offset)
    if i.opcode == CALL:
        if i.src > max(Call):
            return f"field src is {i.src}: unknown kind {i.src} of call"
        return _reserved(dst=i.dst, offset=0 if i.src == Call.KERNEL else i.offset)
    if i.opcode == CALL_REGISTER:
        return _reserved(src=i.src, offset=i.offset, imm=i.imm)
    if i.opcode == EXIT:
        return _reserved(dst=i.dst, src=i.src, offset=i.offset, imm=i.imm)
    if i.opcode == (Class.JMP | Jump.JCOND):
        return _reserved(dst=i.dst, src=i.src, imm=i.imm)
    if op in (Jump.JA, Jump.CALL, Jump.EXIT) or op >= Jump.JCOND:
        return "unknown opcode"
    return _reserved(imm=i.imm) if i.uses_register else _reserved(src=i.src)
