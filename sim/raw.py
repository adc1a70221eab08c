"""Raw programs: BPF without XDP, as ISA test suites have them. r1 points to memory, r2 is its length, r0 the result.

Three engines run them: the reference interpreter, the dataflow graph, and the generated hardware
(`sim.raw_hardware`). The last two take the way of every XDP program: verification, graph, passes, schedule, emit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ..codegen.flow import Design, compile_program
from ..codegen.graph import Evaluator
from ..codegen.isa import CALL, CALL_REGISTER, LD_IMM64, Call, Class, Instruction, MapReference, Mode, decode
from ..codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from ..hdl.errors import InputError, Refused, VerificationError
from ..hdl.helpers.registry import HELPERS
from ..hdl.target import Target
from .memory import Memory, Region, Trap
from .processor import Environment, Processor
from .raw_constants import hide_constants

_REGION = 3  # number of the memory's region in the interpreter


def raw_program(code: bytes, memory: int, name: str = "program") -> ProgramSpec:
    """Encoded instructions (little-endian, 8 bytes a slot) as a raw program with ``memory`` bytes of memory.

    Raises `InputError` for a wrong encoding, naming the field, and `Refused` for the conformance groups ``packet``
    and ``callx``, which are not supported.
    """
    instructions = decode(code, name)
    if not instructions:
        raise InputError(f"{name}: there are no instructions")
    functions = {0: name}
    for slot, i in enumerate(instructions):
        if i.is_local_call:
            target = slot + 1 + i.imm
            if not 0 <= target < len(instructions):
                raise InputError(f"{name}: instruction {slot} calls instruction {target}, which does not exist")
            functions.setdefault(target, f"function_{target}")
    program = ProgramSpec(name, "raw", instructions, dict(sorted(functions.items())), type="raw", memory=memory)
    for slot, i in enumerate(instructions):
        if problem := _unsupported(i, instructions[slot - 1] if slot else None):
            raise Refused(*problem, program.place(slot))
    return program


def _unsupported(i: Instruction, before: Instruction | None) -> tuple[str, str] | None:
    """Reason and remedy for an instruction that no engine has."""
    if i.opcode == CALL_REGISTER:
        return "callx, a call through a register, is not supported", "call the function directly"
    if i.opcode == CALL and i.src == Call.KERNEL:
        return "calls of kernel functions (kfuncs) are not supported", "call a helper"
    second = before is not None and before.opcode == LD_IMM64
    if i.cls == Class.LD and i.mode in (Mode.ABS, Mode.IND) and not second:
        name = "LD_ABS" if i.mode == Mode.ABS else "LD_IND"
        return f"{name} (conformance group packet) is deprecated and not supported", "load through r1"
    return None


def interpret(program: ProgramSpec, memory: bytes) -> int:
    """r0 by the reference interpreter. Raises `Trap` where the program does what RFC 9669 gives no meaning."""
    space = Memory()
    address = space.map(_REGION, Region("the memory", bytearray(memory)))
    return Processor(program, space, _Helpers()).run(address, len(memory))


class _Helpers(Environment):
    """Helpers that need nothing around them: no maps, no frame."""

    time_ns = 0
    frame_index = 0
    random_calls = 0

    def reference(self, reference: MapReference) -> int:
        raise Trap("raw programs have no maps in the interpreter")

    def helper(self, number: int, args: Callable[[int], int]) -> int:
        plugin = HELPERS.get(number)
        if plugin is None or plugin.args:
            raise Trap(f"helper {number} is not there for raw programs")
        return plugin.reference(self, [])  # type: ignore[arg-type]  # a helper without arguments asks no more


def compile_raw(program: ProgramSpec, maps: Mapping[str, MapSpec] | None = None) -> Design:
    """The hardware of a raw program. Raises `VerificationError` and `Refused` as `compile_program` does."""
    target = Target(width=8, max_frame=max(64, program.memory))
    spec = ObjectSpec(program.name, (program,), maps or {})
    return compile_program(spec, program, target, max_window=target.max_frame)


def compile_hidden(code: bytes, memory: bytes, name: str = "program") -> tuple[Design, bytes]:
    """The hardware of an encoded program with its constants hidden in the memory, and that memory.

    With the constants in place where verification needs to know them. Raises as `raw_program` and `compile_raw` do.
    """
    hidden, longer = hide_constants(code, memory)
    try:
        return compile_raw(raw_program(hidden, len(longer), name)), longer
    except (VerificationError, Refused):
        return compile_raw(raw_program(code, len(memory), name)), memory


def evaluate(design: Design, memories: Sequence[bytes]) -> list[int]:
    """r0 by the dataflow graph for each memory, one after the other; maps keep their contents between them."""
    evaluator = Evaluator(design.graph, design.maps)
    return [evaluator.outputs(inputs(memory))["result"] for memory in memories]


def inputs(memory: bytes) -> dict[str, int]:
    """The pipeline's inputs for one run."""
    window = int.from_bytes(memory, "little")
    others = {"ifindex": 0, "rx_queue": 0, "time_ns": 0, "frame_index": 0}
    return {"window": window, "length": len(memory), **others}
