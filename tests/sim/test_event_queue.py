"""Events that the host fetches over the control bus while frames pass: all, or the device says how many not."""

import random

import pytest
from hardpath.codegen.flow import compile_program
from hardpath.codegen.spec import ObjectSpec
from hardpath.hdl.helpers.event_kinds import describe, described
from hardpath.hdl.helpers.events import line
from hardpath.hdl.helpers.records import Record
from hardpath.hdl.target import Target
from hardpath.sim.captures import Frame
from hardpath.sim.engine import Options, SimulationError
from hardpath.sim.session import Session, engine
from hardpath.sim.stepping import stepping
from hardpath.sim.toolchain import has_compiler
from perf_programs import EVENTS, FAR, random_frame, writer

pytestmark = pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler")
COUNT = 120


@pytest.fixture(scope="module")
def frames():
    rng = random.Random(5)
    return [Frame(random_frame(rng)) for _ in range(COUNT)]


@pytest.fixture
def session(assemble):
    """Records with up to 17 beats; the queue has room for four of these."""
    program = assemble(writer(FAR[3]))
    return Session(compile_program(ObjectSpec("test.o", (program,), EVENTS), program, Target(event_queue=64)))


@pytest.fixture
def expected(session, frames):
    return session.interpreter(frames).told["events"]


def texts(events):
    return [(frame, event.text) for frame, event in events]


def test_all_events_come_while_frames_wait(session, frames, expected):
    with stepping(engine("verilator"), session.netlist, Options(quick=True)) as device:
        device.port(1, 1 << 20)
        for number, frame in enumerate(frames):
            device.arrive(frame, number)
        client = device.bus.client
        found = []
        while len(found) < len(expected):
            found += client.events()
        assert texts(found) == expected
        assert client.events_lost == 0
        assert len(device.drain().frames) == COUNT


def test_what_finds_no_room_is_lost_and_counted(session, frames, expected):
    found, lost = [], []

    def fetch(bus):
        found.extend(bus.client.events())
        lost.append(bus.client.events_lost)

    run = engine("verilator").run(
        session.netlist, frames, Options(quick=True), lambda bus: bus.client.lose_events(True), fetch
    )
    assert run.frames == COUNT
    assert texts(found) == [event for event in expected if event in texts(found)]
    assert 4 <= len(found) < len(expected)
    assert lost == [len(expected) - len(found)]


def test_frames_that_wait_for_the_host_in_vain_are_noticed(session, frames):
    with pytest.raises(SimulationError, match="does not come out"):
        engine("verilator").run(session.netlist, frames, Options(quick=True, patience=2000))


@pytest.mark.parametrize("kind", [line("f", b"%5d and %lx\0"), Record("ring", 3, True), Record("perf", 0, tail=True)])
def test_a_kind_is_what_its_description_says(kind):
    assert described(describe(kind)) == kind
