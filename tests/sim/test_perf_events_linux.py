"""bpf_perf_event_output: results and records of interpreter and graph are Linux's; the netlist's are the graph's."""

import random
from dataclasses import dataclass

import pytest
from assembler import CTX, FP, Label
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec, ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim.captures import Frame
from hardpath.sim.compare import compare
from hardpath.sim.engine import Options
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler

OUTPUT, ADJUST_HEAD, ADJUST_TAIL = 25, 44, 65
DROP, TX = 1, 3
CURRENT_CPU = (1 << 32) - 1
EVENTS = {"events": MapSpec("events", 4, 4, 4, 3)}
needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))


@dataclass(frozen=True)
class Shape:
    """A program that makes one record: ``size`` bytes of memory (None: byte 0 of the frame, modulo 64, says how many),
    with ``flags`` (None: those of the frame's bytes 8 to 15), to which the least of the frame's length and ``sample``
    is added in the upper half. ``head``, ``tail``: moves the frame's ends by so much before; ``write``: changes byte
    20."""

    size: int | None = 16
    flags: int | None = CURRENT_CPU
    sample: int = 0
    head: int = 0
    tail: int = 0
    write: bool = False


def writer(shape):
    def write(a):
        drop = Label()
        a.move(7, src=CTX)

        def bounds(size):
            a.load(4, 6, 7, 0)
            a.load(4, 8, 7, 4)
            a.move(3, src=6)
            a.alu(Alu.ADD, 3, imm=size)
            a.jump(Jump.JGT, drop, 3, src=8)

        for helper, distance in ((ADJUST_HEAD, shape.head), (ADJUST_TAIL, shape.tail)):
            if distance:
                a.move(1, src=7)
                a.move(2, imm=distance)
                a.call(helper)
                a.jump(Jump.JNE, drop, 0, imm=0)
        bounds(40)
        if shape.write:
            a.store(1, 6, 20, imm=0x5A)
        for at in range(0, 64, 8):
            a.load(4, 1, 6, at // 2)
            a.store(8, FP, at - 64, src=1)
        a.constant(3, shape.flags or 0)
        if shape.flags is None:
            a.load(8, 3, 6, 8)
        a.move(4, src=FP)
        a.alu(Alu.ADD, 4, imm=-64)
        a.move(5, imm=shape.size or 0)
        if shape.size is None:
            a.load(1, 5, 6, 0)
            a.alu(Alu.AND, 5, imm=63)
        if shape.sample:
            less = Label()
            a.alu(Alu.SUB, 8, src=6)
            a.jump(Jump.JLE, less, 8, imm=shape.sample)
            a.move(8, imm=shape.sample)
            a.place(less)
            a.alu(Alu.AND, 8, imm=0xFFFF)
            a.alu(Alu.LSH, 8, imm=32)
            a.alu(Alu.OR, 3, src=8)
        a.move(1, src=7)
        a.map(2, "events")
        a.call(OUTPUT)
        a.move(9, src=0)
        bounds(40)
        a.store(4, 6, 0, src=9)
        a.store(1, 6, 21, imm=0xA5)
        a.move(0, imm=TX)
        a.exit()
        a.place(drop)
        a.move(0, imm=DROP)
        a.exit()

    return write


def random_frame(rng):
    """With flags that mean something in bytes 8 to 15."""
    length = rng.choice((39, 40, 41, 63, 64, 65, 100, 128, 300, 1400))
    index = rng.choice((0, 1, 2, 3, 4, CURRENT_CPU, CURRENT_CPU - 1))
    sample = rng.choice((0, 1, length - 1, length, length + 1, 0xFFFFF))
    unknown = rng.choice((0, 0, 0, 0, 1, 1 << 11))
    flags = index | sample << 32 | unknown << 52
    return (rng.randbytes(8) + flags.to_bytes(8, "little") + rng.randbytes(1400))[:length]


SHAPES = [
    Shape(),
    Shape(size=None),
    Shape(size=0),
    Shape(size=13, flags=0),
    Shape(flags=1),
    Shape(flags=3),
    Shape(sample=14),
    Shape(size=None, sample=33, write=True),
    Shape(sample=9, head=8, write=True),
    Shape(sample=9, head=-16),
    Shape(sample=30, tail=-20),
    Shape(sample=60, tail=20),
]
FAR = [
    Shape(flags=None),
    Shape(sample=64),
    Shape(sample=65, write=True),
    Shape(size=3, sample=1024, head=6, write=True),
    Shape(sample=2000, head=-3, write=True),
    Shape(size=0, sample=2000),
]


def both(shape, assemble, frames, maps=EVENTS):
    program = assemble(writer(shape))
    interpreter = Interpreter(program, maps)
    evaluator = Evaluator(build(verify(program, maps)), maps)
    with LinuxOracle(program, maps) as linux:
        for frame in frames:
            expected, ours = linux.run(frame), evaluator.run(frame)
            assert interpreter.run(frame) == expected
            assert interpreter.events == linux.events
            assert (ours.verdict, ours.frame) == (expected.verdict, expected.frame if expected.verdict == TX else None)
            assert list(ours.events) == linux.events
            yield linux.events


@pytest.mark.linux
@needs_linux
@pytest.mark.parametrize("shape", SHAPES + FAR, ids=str)
def test_results_and_records_are_those_of_linux(assemble, shape):
    rng = random.Random(str(shape))
    records = list(both(shape, assemble, [random_frame(rng) for _ in range(60)]))
    wanted = shape.flags in (0, CURRENT_CPU) or shape.flags is None
    assert any(records) == wanted


@pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")
@pytest.mark.parametrize("shape", [SHAPES[7], FAR[3]], ids=str)
def test_hardware_gives_the_same_records(assemble, shape):
    program = assemble(writer(shape))
    session = Session(compile_program(ObjectSpec("test.o", (program,), EVENTS), program))
    rng = random.Random(9)
    frames = [Frame(random_frame(rng)) for _ in range(200)]
    expected = session.interpreter(frames)
    assert len(expected.told["events"]) > 100
    for take in (1.0, 0.3):
        ours = session.hardware(engine("verilator"), frames, Options(take=take, quick=True))
        assert compare(ours, expected) is None


def test_a_lost_or_changed_record_is_a_difference(assemble):
    program = assemble(writer(Shape()))
    session = Session(compile_program(ObjectSpec("test.o", (program,), EVENTS), program))
    frames = [Frame(bytes([i]) * 64) for i in range(3)]
    ours = session.graph(frames)
    theirs = session.graph(frames)
    assert compare(ours, theirs) is None
    theirs.told["events"].pop(1)
    found = compare(ours, theirs)
    assert found is not None and found.frame == 1 and found.what == "record of events"
    assert found.values[1] == "no record"


def packet_data(a):
    a.load(4, 6, CTX, 0)
    a.move(4, src=6)
    a.alu(Alu.ADD, 6, imm=14)
    a.load(4, 8, CTX, 4)
    good = Label()
    a.jump(Jump.JLE, good, 6, src=8)
    a.move(0, imm=DROP)
    a.exit()
    a.place(good)
    a.map(2, "events")
    a.constant(3, CURRENT_CPU)
    a.move(5, imm=14)
    a.call(OUTPUT)
    a.move(0, imm=DROP)
    a.exit()


def test_memory_in_the_frame_is_no_argument(assemble):
    with pytest.raises(VerificationError, match="argument 4 of bpf_perf_event_output is a pkt pointer"):
        verify(assemble(packet_data), EVENTS)


def test_bytes_behind_a_moved_end_are_refused(assemble):
    with pytest.raises(Refused, match="after bpf_xdp_adjust_tail") as refused:
        build(verify(assemble(writer(Shape(sample=300, tail=20))), EVENTS))
    assert refused.value.place is not None and "at most 64 bytes" in refused.value.remedy
