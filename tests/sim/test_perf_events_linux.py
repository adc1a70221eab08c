"""bpf_perf_event_output: results and records of interpreter and graph are Linux's; the netlist's are the graph's."""

import random

import pytest
from assembler import CTX, Label
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim.captures import Frame
from hardpath.sim.compare import compare
from hardpath.sim.engine import Options
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler
from perf_programs import CURRENT_CPU, DROP, EVENTS, FAR, OUTPUT, SHAPES, TX, Shape, random_frame, writer

needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))


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
