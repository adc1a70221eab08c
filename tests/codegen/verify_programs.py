"""What the small programs for rules of verification (`verify_cases_*`) are made with, and their registry."""

from __future__ import annotations

from collections.abc import Callable

from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec, ProgramSpec

MAPS = {
    "array": MapSpec("array", 2, 4, 16, 4),
    "hash": MapSpec("hash", 1, 8, 16, 16),
    "settings": MapSpec("settings", 2, 4, 16, 4, flags=1 << 7),
    "locked": MapSpec("locked", 2, 4, 16, 4, lock=4),
    "text": MapSpec("text", 2, 4, 8, 1, flags=1 << 7, initial=b"abcd\0efg", readonly=True),
    "programs": MapSpec("programs", 3, 4, 4, 2),
    "queue": MapSpec("queue", 22, 0, 8, 3),
    "ring": MapSpec("ring", 27, 0, 0, 4096),
    "perf": MapSpec("perf", 4, 4, 4, 2),
    ".rodata": MapSpec(".rodata", 2, 4, 8, 1, initial=bytes(range(1, 9)), readonly=True),
    ".bss": MapSpec(".bss", 2, 4, 8, 1, initial=bytes(8)),
}
LOOKUP, UPDATE, RANDOM, TAIL_CALL, CSUM_DIFF, ADJUST_HEAD, LOOP = 1, 2, 7, 12, 28, 44, 181
XDP_LOAD_BYTES = 189
Write = Callable[[Assembler], None]
CASES: dict[str, tuple[str, Write]] = {}


def case(verdict: str) -> Callable[[Write], Write]:
    """Register a program with its verdict: "ok", "refused" or the category of the rejection."""

    def register(write: Write) -> Write:
        CASES[write.__name__] = verdict, write
        return write

    return register


def build(write: Write, functions: dict[int, str] | None = None) -> ProgramSpec:
    a = Assembler()
    write(a)
    return ProgramSpec("test", "xdp", a.finish(), functions or getattr(write, "functions", {0: "test"}), license="GPL")


def leave(a: Assembler) -> None:
    a.move(0, imm=2)
    a.exit()


def frame(a: Assembler, size: int) -> None:
    """r2: data, with ``size`` bytes checked; r3: data_end; r6: the context."""
    a.move(6, src=CTX)
    a.frame_or(size, 2, ctx=6, data=2, end=3, scratch=4)


def lookup(a: Assembler, index: int | None = None, name: str = "array") -> None:
    """r0: the value for a key that is constant or any."""
    if index is None:
        a.call(RANDOM)
        a.store(4, FP, -8, src=0)
    else:
        a.store(4, FP, -8, imm=index)
    a.map(1, name)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-8)
    a.call(LOOKUP)


def call_back(a: Assembler, helper: int, *, context: bool = False, flags: int = 0) -> Label:
    """Call a helper, whose first argument is there, with the function at the label returned (`callee`), whose context
    is at r10 - 8 or NULL."""
    function = Label()
    a.function(2, function)
    a.move(3, imm=0)
    if context:
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=-8)
    a.move(4, imm=flags)
    a.call(helper)
    return function


def callee(write: Write, a: Assembler, function: Label) -> None:
    """What follows is a function of the program that ``write`` writes."""
    a.place(function)
    write.functions = {0: "test", a.slot: "callee"}  # type: ignore[attr-defined]


def goes_on(a: Assembler) -> None:
    """The end of a function that wants to be called again."""
    a.move(0, imm=0)
    a.exit()


def returns_two(a: Assembler) -> None:
    """The end of a function that may only say whether it wants to be called again."""
    a.move(0, imm=2)
    a.exit()


def tail_call(a: Assembler, context: int) -> None:
    """With the context in a register."""
    a.move(1, src=context)
    a.map(2, "programs")
    a.move(3, imm=0)
    a.call(TAIL_CALL)


def unless_null(a: Assembler) -> None:
    fine = Label()
    a.jump(Jump.JNE, fine, 0, imm=0)
    leave(a)
    a.place(fine)
