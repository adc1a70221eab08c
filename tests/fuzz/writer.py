"""What the rules of `statements` write programs with: an assembler, chance, and what is known on all paths.

Fixed roles: three of r6..r9 hold the context, the frame's start and a number; the fourth, ``extra``, is a number or,
inside some statements, a map value or a loop counter. r0..r5 are scratch. The stack's upper 64 bytes are initialised
at the start of every function and always hold numbers; what helpers need is built below.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from assembler import Assembler, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec

NUMBERS = 64  # bytes of stack below r10 that always hold numbers
KEY, VALUE = -80, -104  # where helpers' keys (16 bytes) and values (24) are built
SPILLED = -112  # a pointer into the frame, for a while
LENT = (-120, -128, -136)  # pointers that a function got from its caller
COUNTER = -144  # of a loop inside a loop

SIZES = (1, 2, 4, 8)
INTERESTING = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, -1, -2, -0x80000000)


@dataclass(frozen=True)
class Features:
    """What a program may contain: about how many statements, and names of rules that it goes without."""

    statements: int = 24
    without: frozenset[str] = frozenset()


@dataclass
class State:
    """What holds on all paths: registers with numbers, bytes of the frame checked behind the frame register."""

    numbers: set[int] = field(default_factory=set)
    checked: int = 0

    def copy(self) -> State:
        return State(set(self.numbers), self.checked)

    def meet(self, other: State) -> State:
        return State(self.numbers & other.numbers, min(self.checked, other.checked))


@dataclass(frozen=True)
class Lent:
    """A pointer from the caller, kept on the stack at ``slot``, to ``size`` bytes of ``kind``: stack, frame, value."""

    slot: int
    kind: str
    size: int


@dataclass(frozen=True)
class Function:
    """A subprogram of a number, the context and the pointers ``lent`` (r3 to r5); it may move the frame.

    ``depth`` is 1 for those that the program itself calls. A ``callback`` of bpf_loop has a number and a lent pointer;
    one of bpf_for_each_map_elem (``each``) a map, a pointer to a number, and lent pointers.
    """

    label: Label
    lent: tuple[Lent, ...]
    moves: bool
    depth: int
    callback: bool = False
    each: bool = False


class Writer:
    """A program in the making. Every rule leaves ``state`` true for what follows."""

    def __init__(
        self,
        rng: random.Random,
        maps: Mapping[str, MapSpec],
        features: Features,
        statement: Callable[[Writer], None],
        level: int = 0,
    ) -> None:
        self.rng = rng
        self.maps = dict(maps)
        self.features = features
        self._statement = statement
        self.level = level  # so many tail calls lead here
        self.tail_calls = 0
        self.a = Assembler()
        self.state = State()
        self.depth = 0  # of blocks within blocks
        self.loops = 0  # loops around
        self.held: str | None = None  # what is in ``extra`` instead of a number
        self.functions: list[Function] = []
        self.function: Function | None = None  # the one being written; None: the program itself
        self.lent: tuple[Lent, ...] = ()
        self.leave = Label()
        self.take_roles()

    def take_roles(self) -> None:
        self.ctx, self.frame, self.number, self.extra = self.rng.sample((6, 7, 8, 9), 4)

    # What may be written here

    @property
    def may_nest(self) -> bool:
        return self.depth < 3

    @property
    def may_move(self) -> bool:
        """Whether the frame's start and end may move here: whoever is around has to find it again."""
        return not self.loops and (self.function is None or self.function.moves)

    @property
    def has_frame(self) -> bool:
        """Whether there is a context, and with it the frame."""
        return self.function is None or not self.function.callback

    # Registers and numbers

    def temporaries(self, count: int, *, keep: Iterable[int] = ()) -> list[int]:
        """Scratch registers, whose numbers are lost."""
        chosen = self.rng.sample([r for r in range(6) if r not in keep], count)
        self.state.numbers -= set(chosen)
        return chosen

    def any_number(self, *, but: int | None = None) -> int:
        """A register with a number."""
        return self.rng.choice(sorted(self.state.numbers - {but}))

    def target(self, *, but: Iterable[int | None] = ()) -> int:
        """A register to compute into."""
        candidates = {*range(6), self.number} | ({self.extra} & self.state.numbers)
        register = self.rng.choice(sorted(candidates.difference(but)))
        self.state.numbers.add(register)
        return register

    def immediate(self) -> int:
        rng = self.rng
        return rng.choice(INTERESTING) if rng.random() < 0.6 else rng.randrange(-(1 << 31), 1 << 31)

    def clobber(self) -> None:
        """Before the arguments of a call, and after it."""
        self.state.numbers -= set(range(6))

    def call(self, helper: int) -> None:
        """A helper that returns a number; its arguments are in place."""
        self.a.call(helper)
        self.clobber()
        self.state.numbers.add(0)

    def pointer(self, register: int, base: int, offset: int = 0) -> None:
        """``register`` = ``base`` + ``offset``."""
        self.a.move(register, src=base)
        if offset:
            self.a.alu(Alu.ADD, register, imm=offset)

    def bounded(self, register: int, source: int, skip: Label | None = None) -> int:
        """``register`` becomes a number that both verifiers can bound; returns its maximum.

        ``skip`` is where a comparison may lead that finds it too large.
        """
        a, rng = self.a, self.rng
        a.move(register, src=source)
        kind = rng.random()
        if kind < 0.2:
            bits = rng.choice((1, 2, 4, 5, 6))
            wide = rng.choice((32, 64))
            a.alu(Alu.RSH, register, imm=wide - bits, bits=wide)
            return (1 << bits) - 1
        if kind < 0.4 and skip is not None:
            most = rng.choice((3, 8, 20, 40))
            op, imm = rng.choice(((Jump.JGT, most), (Jump.JGE, most + 1)))
            a.jump(op, skip, register, imm=imm, bits=rng.choice((32, 64)) if register != source else 64)
            if rng.random() < 0.5:
                a.alu(Alu.MOV, register, src=register, bits=32)
            else:
                a.jump(Jump.JGT, skip, register, imm=most)
            return most
        if kind < 0.55 and self.state.checked:
            a.load(1, register, self.frame, rng.randrange(self.state.checked))
            a.alu(Alu.AND, register, imm=0xF)
            if rng.random() < 0.5:
                a.alu(Alu.LSH, register, imm=2)
                return 60
            return 15
        mask = rng.choice((1, 3, 0xC, 0xF, 0x1F, 0x3C, 0x3F))
        a.alu(Alu.AND, register, imm=mask, bits=rng.choice((32, 64)))
        return mask

    # Memory

    def access(
        self, base: int, low: int, high: int, *, writable: bool = True, aligned: bool = False, keep: int | None = None
    ) -> None:
        """A load or store of bytes [low, high) behind the pointer in ``base``, which it keeps, like ``keep``."""
        a, rng = self.a, self.rng
        self.state.numbers -= {base, keep}
        size = rng.choice([s for s in SIZES if s <= high - low])
        offset = rng.randint(low, high - size)
        if aligned:
            offset -= offset % size
        kind = rng.random()
        if kind < 0.55 or not writable:
            a.load(size, self.target(but=(base, keep)), base, offset, signed=size < 8 and rng.random() < 0.2)
        elif kind < 0.9:
            a.store(size, base, offset, src=self.any_number())
        else:
            a.store(size, base, offset, imm=self.immediate())

    # Bounds of the frame

    def reload(self) -> None:
        """Load the frame's start and check some of it, leaving the function if the frame is shorter."""
        self.state.checked = 0
        self.a.load(4, self.frame, self.ctx, 0)
        self.check(self.rng.choice((14, 14, 20, 34, 54, 60)), self.leave)

    def check(self, size: int, otherwise: Label) -> None:
        """A check that the frame has ``size`` bytes."""
        behind, end = self.temporaries(2)
        self.bounds_check(behind, end, self.frame, size, otherwise)
        self.state.checked = max(self.state.checked, size)

    def bounds_check(self, behind: int, end: int, start: int, size: int, otherwise: Label) -> None:
        """Goes on if ``size`` bytes follow the pointer ``start``, in one of the forms that compilers emit."""
        a, rng = self.a, self.rng
        a.load(4, end, self.ctx, 4)
        strict = size > 1 and rng.random() < 0.2  # behind < end: proves one byte more than is needed
        self.pointer(behind, start, size - 1 if strict else size)
        op, x, y = (Jump.JGE if strict else Jump.JGT), behind, end
        if rng.random() < 0.5:
            op, x, y = {Jump.JGE: Jump.JLE, Jump.JGT: Jump.JLT}[op], end, behind
        if rng.random() < 0.5:
            a.jump(op, otherwise, x, src=y)
            return
        fine = Label()
        opposite = {Jump.JGE: Jump.JLT, Jump.JGT: Jump.JLE, Jump.JLE: Jump.JGT, Jump.JLT: Jump.JGE}
        a.jump(opposite[op], fine, x, src=y)
        self.goto(otherwise)
        a.place(fine)

    # Blocks

    def goto(self, label: Label) -> None:
        """``ja``, or ``gotol``, which has a longer reach."""
        self.a.jump(Jump.JA, label, bits=self.rng.choice((64, 64, 64, 32)))

    def block(self, count: int) -> None:
        for _ in range(count):
            self._statement(self)

    def nested(self, count: int) -> None:
        self.depth += 1
        self.block(count)
        self.depth -= 1

    @contextmanager
    def skippable(self):
        """A part that a jump to the yielded label leaves out; what it overwrites before that jump holds no number."""
        done, before = Label(), self.state.copy()
        yield done
        self.a.place(done)
        self.state = self.state.meet(before)
