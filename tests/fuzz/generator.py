"""Random XDP programs that Linux's verifier mostly accepts.

The generator knows at every instruction which registers hold numbers on all paths and how many bytes of the frame
have been checked, so what it writes is well typed; what it computes is arbitrary. Before it ends, a program writes
what it computed into the frame, so that a wrong bit anywhere shows.

Fixed roles: three of r6..r9 hold the context, the frame's start and a number; the fourth is a number or, inside
some statements, a map value or a loop counter. r0..r5 are scratch. The stack's upper 64 bytes are initialised at
the start and always hold numbers; keys and values for helpers are built below.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from assembler import FP, Assembler, Label
from hardpath.codegen.isa import Alu, Atomic, Jump
from hardpath.codegen.spec import MapSpec, ProgramSpec

ARRAY, HASH, PERCPU_ARRAY = 2, 1, 6
NUMBERS = 64  # bytes of stack below r10 that always hold numbers
KEY, VALUE, POINTER = -72, -96, -104  # where helpers' keys and values and spilled pointers are

INTERESTING = (0, 1, 2, 3, 7, 8, 0x7F, 0x80, 0xFF, 0x100, 0xFFFF, 0x10000, 0x7FFFFFFF, -1, -2, -0x80000000)
COMPARISONS = tuple(j for j in Jump if j not in (Jump.JA, Jump.CALL, Jump.EXIT, Jump.JCOND))


@dataclass(frozen=True)
class Features:
    """What a program may contain."""

    maps: bool = True
    helpers: bool = True
    resize: bool = True  # bpf_xdp_adjust_*
    loops: bool = True
    calls: bool = True
    divide: bool = True
    statements: int = 24


@dataclass
class State:
    """What holds on all paths: registers with numbers, bytes of the frame behind the frame register."""

    numbers: set[int] = field(default_factory=set)
    checked: int = 0

    def copy(self) -> State:
        return State(set(self.numbers), self.checked)

    def meet(self, other: State) -> State:
        return State(self.numbers & other.numbers, min(self.checked, other.checked))


def generate(seed: int, features: Features | None = None) -> tuple[ProgramSpec, dict[str, MapSpec]]:
    """The program of a seed, and its maps."""
    rng = random.Random(seed)
    return Generator(rng, _maps(rng), features or Features()).program(f"fuzz_{seed}")


def _maps(rng: random.Random) -> dict[str, MapSpec]:
    """Small maps: few keys, so that frames meet the same entries, and hash maps that get full."""
    no_prealloc = rng.choice((0, 1))
    specs = [
        MapSpec("array", ARRAY, 4, rng.choice((4, 8, 16, 20)), rng.choice((1, 3, 4))),
        MapSpec("percpu", PERCPU_ARRAY, 4, 8, 2),
        MapSpec("hash4", HASH, 4, rng.choice((4, 8, 16)), rng.choice((2, 4, 64)), flags=no_prealloc),
        MapSpec("hash8", HASH, 8, 16, 8),
        MapSpec(".data", ARRAY, 4, 32, 1, initial=rng.randbytes(32)),
        MapSpec(".bss", ARRAY, 4, 16, 1, initial=bytes(16)),
        MapSpec(".rodata", ARRAY, 4, 24, 1, initial=rng.randbytes(24), readonly=True),
    ]
    return {spec.name: spec for spec in specs}


class Generator:
    """One program. Every statement method leaves ``state`` true for what follows."""

    def __init__(self, rng: random.Random, maps: Mapping[str, MapSpec], features: Features) -> None:
        self.rng = rng
        self.maps = dict(maps)
        self.features = features
        self.a = Assembler()
        self.state = State()
        self.depth = 0
        self.in_loop = False
        self.held: str | None = None  # the map whose value is in the ``extra`` register
        self.functions: list[Label] = []
        self.leave = Label()
        self.roles()

    def roles(self) -> None:
        self.ctx, self.frame, self.number, self.extra = self.rng.sample((6, 7, 8, 9), 4)
        self.reserved = {self.ctx, self.frame}

    # The whole program

    def program(self, name: str) -> tuple[ProgramSpec, dict[str, MapSpec]]:
        a, rng = self.a, self.rng
        self.prologue()
        self.block(rng.randint(3, self.features.statements))
        self.show_results()
        self.verdict()
        a.place(self.leave)
        a.move(0, imm=rng.randrange(5))
        a.exit()
        functions = {0: name}
        for number, label in enumerate(self.functions):
            functions[a.slot] = f"function_{number}"
            self.function(label)
        program = ProgramSpec(name, "xdp", a.finish(), functions, license="GPL")
        used = {i.reference.map for i in program.instructions if i.reference}
        return program, {key: spec for key, spec in self.maps.items() if key in used}

    def prologue(self) -> None:
        a, rng = self.a, self.rng
        a.move(self.ctx, src=1)
        for slot in range(-NUMBERS, 0, 8):
            a.store(8, FP, slot, imm=self.immediate())
        for register in (self.number, self.extra):
            a.constant(register, rng.getrandbits(64))
        self.state = State({self.number, self.extra})
        self.reload()

    def reload(self) -> None:
        """Load the frame's start and check some of it, leaving the program if the frame is shorter."""
        self.state.checked = 0
        self.a.load(4, self.frame, self.ctx, 0)
        self.check(self.rng.choice((14, 14, 20, 34, 54, 60)), self.leave)

    def check(self, size: int, otherwise: Label) -> None:
        """A bounds check in one of the forms that compilers emit."""
        a, rng = self.a, self.rng
        behind, end = self.temporaries(2)
        a.load(4, end, self.ctx, 4)
        a.move(behind, src=self.frame)
        a.alu(Alu.ADD, behind, imm=size)
        form = rng.randrange(4)
        if form == 0:
            a.jump(Jump.JGT, otherwise, behind, src=end)
        elif form == 1:
            a.jump(Jump.JLT, otherwise, end, src=behind)
        else:
            fine = Label()
            op, x, y = ((Jump.JLE, behind, end), (Jump.JGE, end, behind))[form - 2]
            a.jump(op, fine, x, src=y)
            a.jump(Jump.JA, otherwise)
            a.place(fine)
        self.state.checked = max(self.state.checked, size)

    def show_results(self) -> None:
        """Everything computed goes into the frame, as far as the frame goes."""
        a = self.a
        numbers = sorted(self.state.numbers)
        for register in numbers[1:]:
            a.alu(Alu.MUL if self.rng.random() < 0.1 else Alu.ADD, numbers[0], src=register)
        scratch = next(r for r in range(6) if r != numbers[0])
        for slot in range(-NUMBERS, 0, 8):
            a.load(8, scratch, FP, slot)
            a.alu(Alu.XOR, numbers[0], src=scratch)
        self.state.numbers = {numbers[0]}
        if self.state.checked >= 8:
            a.store(8, self.frame, self.rng.randrange(self.state.checked - 7), src=numbers[0])

    def verdict(self) -> None:
        a, rng = self.a, self.rng
        kind = rng.random()
        if kind < 0.6:
            a.move(0, imm=rng.choice((2, 2, 3, 3, 1, 0, 4)))
        else:
            source = rng.choice(sorted(self.state.numbers))
            a.move(0, src=source)
            a.alu(Alu.AND, 0, imm=3 if kind < 0.9 else 7)
        a.exit()

    def function(self, label: Label) -> None:
        """A subprogram of a number and the context."""
        a = self.a
        self.roles()
        self.functions_left = 0
        a.place(label)
        a.move(self.number, src=1)
        a.move(self.ctx, src=2)
        a.move(self.extra, imm=self.immediate())
        for slot in range(-NUMBERS, 0, 8):
            a.store(8, FP, slot, imm=self.immediate())
        self.state = State({self.number, self.extra})
        self.leave = Label()
        self.depth, self.in_loop = 1, True  # in_loop: nothing that moves the frame under the caller
        self.reload()
        self.block(self.rng.randint(1, 6))
        self.show_results()
        a.place(self.leave)
        a.move(0, src=self.number)
        a.exit()

    # Registers and numbers

    def temporaries(self, count: int, *, keep: tuple[int, ...] = ()) -> list[int]:
        """Scratch registers, whose numbers are lost."""
        chosen = self.rng.sample([r for r in range(6) if r not in keep], count)
        self.state.numbers -= set(chosen)
        return chosen

    def any_number(self) -> int:
        """A register with a number."""
        return self.rng.choice(sorted(self.state.numbers))

    def target(self) -> int:
        """A register to compute into."""
        candidates = [*range(6), self.number]
        if self.extra in self.state.numbers:
            candidates.append(self.extra)
        register = self.rng.choice(candidates)
        self.state.numbers.add(register)
        return register

    def immediate(self) -> int:
        rng = self.rng
        return rng.choice(INTERESTING) if rng.random() < 0.6 else rng.randrange(-(1 << 31), 1 << 31)

    def clobber(self) -> None:
        """After a call."""
        self.state.numbers -= set(range(6))

    # Statements

    def block(self, count: int) -> None:
        for _ in range(count):
            self.statement()

    def statement(self) -> None:
        f = self.features
        moves = f.resize and not self.in_loop
        nested = self.depth < 3
        choices: list[tuple[float, Callable[[], None]]] = [
            (8, self.arithmetic),
            (2, self.set_number),
            (2, self.byte_swap),
            (3, self.stack_access),
            (4, self.frame_access),
            (1.5, self.variable_frame_access),
            (1, self.more_frame),
            (0.7, self.frame_length),
            (0.5, self.context_field),
            (0.4, self.spill_frame_pointer),
            (3 * nested, self.branch),
            (0.5, self.early_exit),
            (2.5 * f.maps * nested, self.map_value),
            (1.5 * f.maps * (self.held is None), self.hash_update),
            (0.8 * f.maps * (self.held is None), self.hash_delete),
            (0.8 * f.maps, self.array_update),
            (1.2 * f.maps, self.global_data),
            (1.0 * f.helpers, self.checksum),
            (0.3 * f.helpers, self.redirect),
            (0.7 * moves, self.adjust_head),
            (0.7 * moves, self.adjust_tail),
            (0.4 * moves, self.adjust_meta),
            (0.8 * f.loops * (nested and not self.in_loop and self.held is None), self.loop),
            (0.5 * f.calls * (self.depth < 2 and not self.in_loop), self.call),
        ]
        weights, statements = zip(*choices, strict=True)
        self.rng.choices(statements, weights)[0]()

    def arithmetic(self) -> None:
        a, rng = self.a, self.rng
        operations = [Alu.ADD, Alu.SUB, Alu.OR, Alu.AND, Alu.XOR, Alu.LSH, Alu.RSH, Alu.ARSH, Alu.MOV, Alu.NEG]
        op = rng.choice([*operations, Alu.MUL])
        if self.features.divide and rng.random() < 0.04:
            op = rng.choice((Alu.DIV, Alu.MOD))
        bits = rng.choice((32, 64))
        dst = self.any_number() if op != Alu.MOV else None
        source = self.any_number() if rng.random() < 0.5 else None
        dst = self.target() if dst is None else dst
        offset = 0
        if op in (Alu.DIV, Alu.MOD):
            offset = rng.choice((0, 1))
        elif op == Alu.MOV and source is not None:
            offset = rng.choice((0, 0, 8, 16, *((32,) if bits == 64 else ())))
        if op == Alu.NEG:
            a.alu(op, dst, bits=bits)
        elif source is not None:
            a.alu(op, dst, src=source, bits=bits, offset=offset)
        elif op in (Alu.LSH, Alu.RSH, Alu.ARSH):
            a.alu(op, dst, imm=rng.randrange(bits), bits=bits)
        else:
            imm = self.immediate()
            a.alu(op, dst, imm=imm or 3 if op in (Alu.DIV, Alu.MOD) else imm, bits=bits, offset=offset)

    def set_number(self) -> None:
        if self.rng.random() < 0.5:
            self.a.move(self.target(), imm=self.immediate())
        else:
            self.a.constant(self.target(), self.rng.getrandbits(64))

    def byte_swap(self) -> None:
        self.a.swap(self.any_number(), self.rng.choice((16, 32, 64)), self.rng.choice(("le", "be", "be", "bswap")))

    def stack_access(self) -> None:
        a, rng = self.a, self.rng
        size = rng.choice((1, 2, 4, 8))
        offset = -NUMBERS + size * rng.randrange(NUMBERS // size)
        kind = rng.random()
        if kind < 0.45:
            a.load(size, self.target(), FP, offset, signed=size < 8 and rng.random() < 0.2)
        elif kind < 0.9:
            a.store(size, FP, offset, src=self.any_number())
        else:
            a.store(size, FP, offset, imm=self.immediate())

    def access(self, base: int, low: int, high: int, *, writable: bool = True) -> None:
        """A load or store of bytes [low, high) behind ``base``, which must hold a pointer; any alignment."""
        a, rng = self.a, self.rng
        size = rng.choice([s for s in (1, 2, 4, 8) if s <= high - low])
        offset = rng.randint(low, high - size)
        kind = rng.random()
        if kind < 0.55 or not writable:
            dst = self.target()
            if dst == base:
                return
            a.load(size, dst, base, offset, signed=size < 8 and rng.random() < 0.2)
        elif kind < 0.9:
            a.store(size, base, offset, src=self.any_number())
        else:
            a.store(size, base, offset, imm=self.immediate())

    def frame_access(self) -> None:
        if self.state.checked:
            self.access(self.frame, 0, self.state.checked)

    def variable_frame_access(self) -> None:
        """Access behind a computed offset, with its own check."""
        a, rng = self.a, self.rng
        source = self.any_number()
        pointer, index, end, behind = self.temporaries(4, keep=(source,) if source < 6 else ())
        a.move(index, src=source)
        a.alu(Alu.AND, index, imm=rng.choice((1, 3, 0xC, 0xF, 0x1F, 0x3C, 0x3F)))
        a.load(4, pointer, self.ctx, 0)
        if rng.random() < 0.5:
            a.alu(Alu.ADD, pointer, imm=rng.randrange(30))
        a.alu(Alu.ADD, pointer, src=index)
        size = rng.choice((1, 2, 4, 8, 20))
        a.move(behind, src=pointer)
        a.alu(Alu.ADD, behind, imm=size)
        a.load(4, end, self.ctx, 4)
        done = Label()
        a.jump(Jump.JGT, done, behind, src=end)
        before = self.state.copy()
        for _ in range(rng.randint(1, 2)):
            self.access_keeping(pointer, size)
        a.place(done)
        self.state = self.state.meet(before)
        self.state.numbers -= {pointer, index, end, behind}

    def access_keeping(self, pointer: int, size: int) -> None:
        """An access that does not compute into its own pointer."""
        numbers = self.state.numbers
        while True:
            slot, before = self.a.slot, set(numbers)
            self.access(pointer, 0, size)
            if self.a.slot > slot:
                numbers.discard(pointer)
                return
            self.state.numbers = numbers = before

    def more_frame(self) -> None:
        """Check more of the frame; go on without on short frames half of the time."""
        size = self.state.checked + self.rng.choice((1, 4, 8, 14, 20, 33))
        if size > 110:
            return
        if self.depth >= 3 or self.rng.random() < 0.5:
            self.check(size, self.leave)
            return
        done, before = Label(), self.state.copy()
        self.check(size, done)
        self.nested(self.rng.randint(1, 3))
        self.a.place(done)
        self.state = State(self.state.numbers & before.numbers, min(before.checked, self.state.checked))

    def nested(self, count: int) -> None:
        self.depth += 1
        self.block(count)
        self.depth -= 1

    def frame_length(self) -> None:
        a = self.a
        start, end = self.temporaries(2)
        a.load(4, end, self.ctx, 4)
        a.load(4, start, self.ctx, 0)
        a.alu(Alu.SUB, end, src=start)
        self.state.numbers.add(end)

    def context_field(self) -> None:
        self.a.load(4, self.target(), self.ctx, self.rng.choice((12, 16)))

    def spill_frame_pointer(self) -> None:
        self.a.store(8, FP, POINTER, src=self.frame)
        self.arithmetic()
        self.a.load(8, self.frame, FP, POINTER)

    def compare(self, target: Label) -> None:
        a, rng = self.a, self.rng
        op, bits = rng.choice(COMPARISONS), rng.choice((32, 64))
        if rng.random() < 0.5:
            a.jump(op, target, self.any_number(), src=self.any_number(), bits=bits)
        else:
            a.jump(op, target, self.any_number(), imm=self.immediate(), bits=bits)

    def branch(self) -> None:
        """if (...) { ... } else { ... }; the else part may be missing."""
        a, rng = self.a, self.rng
        other, done = Label(), Label()
        self.compare(other)
        before = self.state.copy()
        self.nested(rng.randint(1, 4))
        taken, self.state = self.state, before
        if rng.random() < 0.6:
            a.jump(Jump.JA, done)
            a.place(other)
            self.state = before.copy()
            self.nested(rng.randint(1, 4))
        else:
            a.place(other)
        a.place(done)
        self.state = self.state.meet(taken)

    def early_exit(self) -> None:
        self.compare(self.leave)

    # Maps

    def key(self, spec: MapSpec) -> None:
        """Build a key on the stack: few values, sometimes out of an array's range."""
        a, rng = self.a, self.rng
        if rng.random() < 0.3:
            a.store(spec.key_size, FP, KEY, imm=rng.randrange(5))
            return
        source = self.any_number()
        (scratch,) = self.temporaries(1, keep=(source,) if source < 6 else ())
        a.move(scratch, src=source)
        a.alu(Alu.AND, scratch, imm=rng.choice((1, 3, 3, 7)))
        a.store(spec.key_size, FP, KEY, src=scratch)

    def map_call(self, helper: int, spec: MapSpec, *, value: bool = False) -> None:
        """Call a map helper with the key (and value) built before; flags are in r4 already."""
        a = self.a
        a.map(1, spec.name)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=KEY)
        if value:
            a.move(3, src=FP)
            a.alu(Alu.ADD, 3, imm=VALUE)
        a.call(helper)
        self.clobber()

    def map_value(self) -> None:
        """Look up, and work on the value if it is there."""
        a, rng = self.a, self.rng
        spec = self.maps[rng.choice(("array", "array", "percpu", "hash4", "hash4", "hash8"))]
        self.key(spec)
        self.map_call(1, spec)
        done = Label()
        keep = self.held is None and rng.random() < 0.4
        pointer = 0
        if keep:
            self.state.numbers.discard(self.extra)
            a.move(self.extra, src=0)
            pointer = self.extra
        a.jump(Jump.JEQ, done, pointer, imm=0)
        before = self.state.copy()
        if keep:
            self.held = spec.name
        for _ in range(rng.randint(1, 3)):
            self.value_access(pointer, spec.value_size)
            if keep and rng.random() < 0.5:
                self.nested(1)
        self.held = None if keep else self.held
        a.place(done)
        self.state = self.state.meet(before)
        if keep:
            a.move(self.extra, imm=self.immediate())
            self.state.numbers.add(self.extra)
        else:
            self.state.numbers.discard(0)

    def value_access(self, pointer: int, size: int, *, writable: bool = True) -> None:
        """A load, store, read-modify-write or atomic operation on a map value."""
        a, rng = self.a, self.rng
        kind = rng.random()
        if kind < 0.4 or not writable:
            self.access_in_value(pointer, size, writable)
        elif kind < 0.6:
            width = rng.choice([w for w in (4, 8) if w <= size])
            offset = width * rng.randrange(size // width)
            (scratch,) = self.temporaries(1, keep=(pointer,) if pointer < 6 else ())
            a.load(width, scratch, pointer, offset)
            a.alu(rng.choice((Alu.ADD, Alu.XOR)), scratch, src=self.any_number())
            a.store(width, pointer, offset, src=scratch)
        elif kind < 0.85:
            self.atomic_access(pointer, size)
        else:
            self.indexed_value_access(pointer, size)

    def access_in_value(self, pointer: int, size: int, writable: bool) -> None:
        before = set(self.state.numbers)
        slot = self.a.slot
        while self.a.slot == slot:
            self.state.numbers = set(before)
            self.access(pointer, 0, size, writable=writable)
        self.state.numbers.discard(pointer)

    def atomic_access(self, pointer: int, size: int) -> None:
        a, rng = self.a, self.rng
        width = rng.choice([w for w in (4, 8) if w <= size])
        offset = width * rng.randrange(size // width)
        operations = [op | fetch for op in (Atomic.ADD, Atomic.OR, Atomic.AND, Atomic.XOR) for fetch in (0, 1)]
        op = rng.choice([*operations, Atomic.ADD, Atomic.XCHG, Atomic.CMPXCHG])
        source = self.any_number()
        if op == Atomic.CMPXCHG:
            if pointer == 0:
                return
            a.move(0, src=self.any_number())
            self.state.numbers.add(0)
        a.atomic(op, width, pointer, offset, source)

    def indexed_value_access(self, pointer: int, size: int) -> None:
        """At a computed offset inside the value."""
        a, rng = self.a, self.rng
        mask = rng.choice([m for m in (1, 3, 7) if m < size])
        source = self.any_number()
        keep = tuple(r for r in (pointer, source) if r < 6)
        index, place = self.temporaries(2, keep=keep)
        a.move(index, src=source)
        a.alu(Alu.AND, index, imm=mask)
        a.move(place, src=pointer)
        a.alu(Alu.ADD, place, src=index)
        self.state.numbers.discard(pointer)
        self.access_in_value(place, size - mask, True)

    def value(self, spec: MapSpec) -> None:
        """Build a value on the stack."""
        for offset in range(0, spec.value_size, 4):
            self.a.store(4, FP, VALUE + offset, src=self.any_number())

    def flags(self) -> None:
        """Flags in r4: mostly valid ones."""
        rng = self.rng
        self.state.numbers.discard(4)
        if rng.random() < 0.85:
            self.a.move(4, imm=rng.choice((0, 0, 0, 1, 2, 3, 4, 8)))
            return
        self.a.move(4, src=self.any_number())
        self.a.alu(Alu.AND, 4, imm=3)

    def update(self, spec: MapSpec) -> None:
        self.key(spec)
        self.value(spec)
        self.flags()
        self.map_call(2, spec, value=True)
        self.state.numbers.add(0)

    def hash_update(self) -> None:
        self.update(self.maps[self.rng.choice(("hash4", "hash8"))])

    def hash_delete(self) -> None:
        spec = self.maps[self.rng.choice(("hash4", "hash8", "hash4", "array"))]
        self.key(spec)
        self.map_call(3, spec)
        self.state.numbers.add(0)

    def array_update(self) -> None:
        self.update(self.maps[self.rng.choice(("array", "percpu"))])

    def global_data(self) -> None:
        spec = self.maps[self.rng.choice((".data", ".bss", ".rodata"))]
        (pointer,) = self.temporaries(1)
        self.a.map(pointer, spec.name, 0)
        self.value_access(pointer, spec.value_size, writable=not spec.readonly)

    # Helpers

    def buffer(self, pointer: int, size: int) -> None:
        """A memory argument with its size: the number stack or the frame, of constant or computed size, or NULL."""
        a, rng = self.a, self.rng
        kind = rng.random()
        if kind < 0.25:
            a.move(pointer, imm=0)
            a.move(size, imm=0)
            return
        in_frame = kind < 0.6 and self.state.checked >= 32
        room = min(self.state.checked, NUMBERS) if in_frame else NUMBERS
        a.move(pointer, src=self.frame if in_frame else FP)
        start = 0 if in_frame else -NUMBERS
        if rng.random() < 0.25:
            a.move(size, src=self.number)
            a.alu(Alu.AND, size, imm=rng.choice((0xC, 0x1C, 0x1F)))
        else:
            length = 4 * rng.randint(0, room // 4)
            start += rng.randint(0, room - length)
            a.move(size, imm=length)
        a.alu(Alu.ADD, pointer, imm=start)

    def checksum(self) -> None:
        a, rng = self.a, self.rng
        self.clobber()
        self.buffer(1, 2)
        self.buffer(3, 4)
        if rng.random() < 0.4:
            a.move(5, imm=rng.choice((0, 0, -1, 1)))
        else:
            a.move(5, src=self.any_number())
        a.call(28)
        self.clobber()
        self.state.numbers.add(0)

    def redirect(self) -> None:
        a, rng = self.a, self.rng
        self.clobber()
        a.move(1, src=self.number)
        if rng.random() < 0.7:
            a.alu(Alu.AND, 1, imm=7)
        a.move(2, imm=rng.choice((0, 0, 0, 1)))
        a.call(23)
        self.clobber()
        self.state.numbers.add(0)
        if self.depth and not self.in_loop and rng.random() < 0.5:
            a.exit()
            self.state.numbers.add(0)

    def adjust(self, helper: int, distances: tuple[int, ...]) -> None:
        a, rng = self.a, self.rng
        self.clobber()
        a.move(1, src=self.ctx)
        if rng.random() < 0.7:
            a.move(2, imm=rng.choice(distances))
        else:
            a.move(2, src=self.number)
            mask = rng.choice((0x3C, 0x3F))
            a.alu(Alu.AND, 2, imm=mask)
            a.alu(Alu.SUB, 2, imm=rng.choice((0, mask // 2 & ~3, mask)))
        a.call(helper)
        self.clobber()
        self.state.numbers.add(0)
        if rng.random() < 0.3:
            a.jump(Jump.JNE, self.leave, 0, imm=0)
        result = self.state.numbers
        a.alu(Alu.ADD, self.number, src=0)
        self.reload()
        self.state.numbers &= result

    def adjust_head(self) -> None:
        self.adjust(44, (-4, 4, -14, 14, -20, 20, -8, 8, -216, 1000, 0, 1, -3))

    def adjust_tail(self) -> None:
        self.adjust(65, (-4, 4, -14, 14, -20, 20, -60, 60, 200, -200, 5000, 0, 1, -3))

    def adjust_meta(self) -> None:
        a = self.a
        self.adjust(54, (-4, -8, -16, -32, 4, 8, 0, -3, -300))
        meta, data, behind = self.temporaries(3)
        a.load(4, meta, self.ctx, 8)
        a.load(4, data, self.ctx, 0)
        a.move(behind, src=meta)
        a.alu(Alu.ADD, behind, imm=4)
        done = Label()
        a.jump(Jump.JGT, done, behind, src=data)
        before = self.state.copy()
        self.access_keeping(meta, 4)
        a.place(done)
        self.state = self.state.meet(before)
        self.state.numbers -= {meta, data, behind}

    # Control

    def loop(self) -> None:
        """A counted loop; the counter is in the extra register."""
        a, rng = self.a, self.rng
        counter = self.extra
        self.state.numbers = {self.number}
        a.move(counter, imm=0)
        top, count = Label(), rng.randint(2, 5)
        a.place(top)
        self.in_loop, self.held = True, "loop"
        checked = self.state.checked
        if checked >= count + 8 and rng.random() < 0.6:
            (pointer,) = self.temporaries(1)
            a.move(pointer, src=self.frame)
            a.alu(Alu.ADD, pointer, src=counter)
            self.access_keeping(pointer, checked - count)
        self.nested(rng.randint(1, 3))
        self.in_loop, self.held = False, None
        a.alu(Alu.ADD, counter, imm=1)
        a.jump(Jump.JLT, top, counter, imm=count)
        self.state = State({self.number, counter}, checked)

    def call(self) -> None:
        a, rng = self.a, self.rng
        if self.functions and (len(self.functions) >= 3 or rng.random() < 0.4):
            label = rng.choice(self.functions)
        else:
            label = Label()
            self.functions.append(label)
        a.move(1, src=self.any_number())
        a.move(2, src=self.ctx)
        a.call_local(label)
        self.clobber()
        self.state.numbers.add(0)
