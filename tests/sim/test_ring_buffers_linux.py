"""Ring buffers: results and records of interpreter and graph are Linux's; the netlist's are the interpreter's."""

import random

import pytest
from assembler import CTX, FP, Label
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Atomic, Jump
from hardpath.codegen.spec import MapSpec, ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.sim.captures import Frame
from hardpath.sim.compare import compare
from hardpath.sim.engine import Options
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler

OUTPUT, RESERVE, SUBMIT, DISCARD, QUERY = 130, 131, 132, 133, 134
DROP, TX = 1, 3
MAPS = {"ring": MapSpec("ring", 27, 0, 0, 4096), "other": MapSpec("other", 27, 0, 0, 8192)}
needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))


class Writer:
    """Programs that have r6 = data of at least 64 bytes, r7 = the context, and the sum of results in r9, which goes
    into the frame's first bytes at the end."""

    def __init__(self, a):
        self.a = a
        self.begin()

    def begin(self):
        a = self.a
        a.move(7, src=CTX)
        a.move(9, imm=0)
        a.frame_or(64, DROP, ctx=7)

    def end(self):
        a = self.a
        a.store(8, 6, 0, src=9)
        a.move(0, imm=TX)
        a.exit()

    def reserve(self, size, ring="ring", flags=0):
        """r8: the record; goes on behind the returned label where it is NULL."""
        a, null = self.a, Label()
        a.map(1, ring)
        a.move(2, imm=size)
        a.move(3, imm=flags)
        a.call(RESERVE)
        a.alu(Alu.ADD, 9, imm=1)
        a.jump(Jump.JEQ, null, 0, imm=0)
        a.alu(Alu.ADD, 9, imm=256)
        a.move(8, src=0)
        return null

    def fill(self, size, seed):
        """Bytes of the frame, from the end to the front, and constants."""
        for i in range(0, size, 8):
            self.a.load(8, 1, 6, (i + 8 * seed) % 56)
            self.a.store(8, 8, i, src=1)

    def give_back(self, helper=SUBMIT, register=8):
        self.a.move(1, src=register)
        self.a.move(2, imm=0)
        self.a.call(helper)

    def output(self, size, ring="ring", flags=0):
        """Of the stack's top 64 bytes; size None: byte 9 of the frame, modulo 64."""
        a = self.a
        for i in range(0, 64, 8):
            a.load(8, 1, 6, (i + 5) % 56)
            a.store(8, FP, i - 64, src=1)
        a.map(1, ring)
        a.move(2, src=FP)
        a.alu(Alu.ADD, 2, imm=-64)
        a.move(3, imm=size or 0)
        if size is None:
            a.load(1, 3, 6, 9)
            a.alu(Alu.AND, 3, imm=63)
        a.move(4, imm=flags)
        a.call(OUTPUT)
        a.alu(Alu.ADD, 9, src=0)

    def unless(self, byte, bit):
        """The label to go on at where a bit of the frame is not set."""
        skip = Label()
        self.a.load(1, 1, 6, byte)
        self.a.alu(Alu.AND, 1, imm=1 << bit)
        self.a.jump(Jump.JEQ, skip, 1, imm=0)
        return skip


def simple(w):
    null = w.reserve(24)
    w.fill(24, 1)
    w.give_back()
    w.a.place(null)


def submits_or_discards(w):
    null = w.reserve(16)
    w.fill(16, 0)
    discard, done = w.unless(10, 0), Label()
    w.a.store(2, 8, 6, imm=0x7777)
    w.give_back()
    w.a.jump(Jump.JA, done)
    w.a.place(discard)
    w.give_back(DISCARD)
    w.a.place(done)
    w.a.place(null)


def submitted_in_two_places(w):
    null = w.reserve(16)
    w.fill(16, 0)
    other, done = w.unless(10, 0), Label()
    w.a.store(2, 8, 6, imm=0x7777)
    w.give_back()
    w.a.jump(Jump.JA, done)
    w.a.place(other)
    w.a.store(1, 8, 0, imm=0x55)
    w.give_back()
    w.a.place(done)
    w.a.place(null)


def order_is_that_of_reservations(w):
    """The second record is submitted first; one that is copied comes between."""
    a, ended = w.a, Label()
    null = w.reserve(8)
    w.fill(8, 0)
    a.store(8, FP, -128, src=8)
    w.output(12)
    second = w.reserve(16)
    w.fill(16, 2)
    skip = w.unless(12, 1)
    w.give_back()
    a.load(8, 8, FP, -128)
    w.give_back()
    a.jump(Jump.JA, ended)
    a.place(skip)
    a.move(5, src=8)
    a.load(8, 8, FP, -128)
    a.store(8, FP, -128, src=5)
    w.give_back()
    a.load(8, 8, FP, -128)
    w.give_back(DISCARD)
    a.jump(Jump.JA, ended)
    a.place(second)
    a.load(8, 8, FP, -128)
    w.give_back()
    a.place(ended)
    a.place(null)


def one_of_two_records(w):
    """A pointer to one or the other, filled and submitted by the same instructions."""
    a = w.a
    other, joined, none = w.unless(10, 0), Label(), Label()
    null_a = w.reserve(16)
    a.jump(Jump.JA, joined)
    a.place(other)
    null_b = w.reserve(16, "other")
    a.place(joined)
    w.fill(16, 1)
    a.load(1, 1, 6, 10)
    a.alu(Alu.AND, 1, imm=1)
    a.alu(Alu.LSH, 1, imm=2)
    a.move(2, src=8)
    a.alu(Alu.ADD, 2, src=1)
    a.store(1, 2, 3, imm=0x42)
    a.move(2, imm=9)
    a.atomic(Atomic.ADD, 8, 8, 8, 2)
    w.give_back()
    a.place(null_a)
    a.place(null_b)
    a.place(none)


def one_call_for_two_rings(w):
    """Compilers merge calls at the ends of branches; the size depends on the path as well."""
    a, other, joined, null = w.a, w.unless(10, 0), Label(), Label()
    a.map(1, "ring")
    a.move(2, imm=16)
    a.store(8, FP, -136, imm=0)
    a.jump(Jump.JA, joined)
    a.place(other)
    a.map(1, "other")
    a.move(2, imm=24)
    a.store(8, FP, -136, imm=1)
    a.place(joined)
    a.move(3, imm=0)
    a.call(RESERVE)
    a.jump(Jump.JEQ, null, 0, imm=0)
    a.move(8, src=0)
    w.fill(16, 1)
    same = Label()
    a.load(8, 1, FP, -136)
    a.jump(Jump.JEQ, same, 1, imm=0)
    a.store(8, 8, 16, imm=3)
    a.place(same)
    w.give_back()
    a.place(null)


def full(w):
    """Records until there is no room; those that are discarded take room as well."""
    for k in range(5):
        null = w.reserve(992 if k < 4 else 96)
        for i in range(0, 992 if k < 4 else 96, 8):
            w.a.store(8, 8, i, src=9)
        if k % 2:
            skip = w.unless(13, k)
            w.give_back(DISCARD)
            done = Label()
            w.a.jump(Jump.JA, done)
            w.a.place(skip)
            w.give_back()
            w.a.place(done)
        else:
            w.give_back()
        w.a.place(null)
        w.output(None if k == 2 else 40)
    for what in (0, 1, 7):
        w.a.map(1, "ring")
        w.a.move(2, imm=what)
        w.a.call(QUERY)
        w.a.alu(Alu.LSH, 0, imm=16 + what)
        w.a.alu(Alu.ADD, 9, src=0)


def flags(w):
    w.output(8, flags=1)
    w.output(8, flags=3)
    w.output(8, flags=4)
    w.output(0)
    null = w.reserve(8, flags=1)
    w.fill(8, 0)
    w.give_back()
    w.a.place(null)


def sizes(w):
    w.output(None)
    w.output(1)
    w.output(63, "other")
    null = w.reserve(0)
    w.give_back()
    w.a.place(null)


PROGRAMS = [
    simple,
    submits_or_discards,
    submitted_in_two_places,
    order_is_that_of_reservations,
    one_of_two_records,
    one_call_for_two_rings,
    full,
    flags,
    sizes,
]


def made(body, assemble):
    def write(a):
        w = Writer(a)
        body(w)
        w.end()

    return assemble(write)


def used_maps(program, references):
    return {name: spec for name, spec in MAPS.items() if name in references(program)}


@pytest.mark.linux
@needs_linux
@pytest.mark.parametrize("body", PROGRAMS)
def test_results_and_records_are_those_of_linux(assemble, body):
    program = made(body, assemble)
    rng = random.Random(body.__name__)
    interpreter = Interpreter(program, MAPS)
    evaluator = Evaluator(build(verify(program, MAPS)), MAPS)
    records = 0
    with LinuxOracle(program, MAPS) as linux:
        for _ in range(80):
            frame = rng.randbytes(rng.choice((63, 64, 100)))
            expected, ours = linux.run(frame), evaluator.run(frame)
            assert interpreter.run(frame) == expected
            assert by_ring(interpreter.events) == by_ring(linux.events) == by_ring(ours.events)
            assert (ours.verdict, ours.frame) == (expected.verdict, expected.frame if expected.verdict == TX else None)
            records += len(linux.events)
    assert records > 20


def by_ring(events):
    """Records of different rings have no order in Linux."""
    return sorted(events, key=lambda event: event.channel)


@pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")
@pytest.mark.parametrize("body", [order_is_that_of_reservations])
def test_hardware_gives_the_same_records(assemble, references, body):
    program = made(body, assemble)
    maps = used_maps(program, references)
    session = Session(compile_program(ObjectSpec("test.o", (program,), maps), program))
    rng = random.Random(4)
    frames = [Frame(rng.randbytes(rng.choice((63, 64, 100, 300)))) for _ in range(300)]
    expected = session.interpreter(frames)
    assert len(expected.told["ring"]) > 300
    for take in (1.0, 0.3):
        assert compare(session.hardware(engine("verilator"), frames, Options(take=take, quick=True)), expected) is None


def partly_written(w):
    null = w.reserve(16)
    w.a.store(4, 8, 4, imm=1)
    w.give_back()
    w.a.place(null)


def test_bytes_that_nobody_wrote_are_refused_or_zero(assemble):
    program = made(partly_written, assemble)
    verified = verify(program, MAPS)
    with pytest.raises(Refused, match="a record of ring has bytes that were never written") as refused:
        build(verified)
    assert refused.value.place is not None
    (event,) = Evaluator(build(verified, zero_stack=True), MAPS).run(bytes(64)).events
    assert event.text == "00000000" "01000000" + "00" * 8


def too_large(w):
    null = w.reserve(2000)
    w.give_back(DISCARD)
    w.a.place(null)


def asks_for_positions(w):
    w.a.map(1, "ring")
    w.a.move(2, imm=3)
    w.a.call(QUERY)


@pytest.mark.parametrize(
    "body, reason", [(too_large, "up to 2000 bytes"), (asks_for_positions, "asks for a position in the ring")]
)
def test_what_there_is_no_hardware_for_is_refused_with_its_place(assemble, body, reason):
    with pytest.raises(Refused, match=reason) as refused:
        build(verify(made(body, assemble), MAPS))
    assert refused.value.place is not None and refused.value.remedy
