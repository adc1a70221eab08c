"""Reads that may reach far behind the window: graph and hardware against the running kernel."""

from __future__ import annotations

import random

import pytest
from assembler import CTX, Label
from hardpath.codegen.flow import compile_program
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import ObjectSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.frame_store import UNIT
from hardpath.hdl.target import Target
from hardpath.sim.captures import Frame
from hardpath.sim.compare import Input, Record, compare, record
from hardpath.sim.engine import Netlist
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.verilator_engine import VerilatorEngine

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

ADJUST_HEAD, ADJUST_TAIL = 44, 65


def frame_pointers(a, short, least):
    """r7 = data, r8 = data_end, with so many bytes at least; otherwise to ``short``."""
    a.frame(least, short, ctx=6, data=7, end=8, scratch=2)


def far(size, *, head=0, tail=(), write=None):
    """Copies ``size`` bytes from where the frame's bytes 14 and 15 say (11 bits) to byte 4 on. ``write``: place and
    size of what is changed before that."""

    def program(a):
        short, least = Label(), max(20, sum(write or (0,)))
        a.move(6, src=CTX)
        frame_pointers(a, short, least)
        a.load(2, 9, 7, 14)
        a.alu(Alu.AND, 9, imm=0x7FF)
        for helper, distance in ((ADJUST_HEAD, head), *((ADJUST_TAIL, each) for each in tail)):
            if distance:
                a.move(1, src=6)
                a.move(2, imm=distance)
                a.call(helper)
        if head or tail:
            frame_pointers(a, short, least)
        if write:
            a.move(3, imm=0x5A5A)
            place, width = write
            a.store(width, 7, place, src=3)
        a.move(4, src=7)
        a.alu(Alu.ADD, 4, src=9)
        a.move(5, src=4)
        a.alu(Alu.ADD, 5, imm=size)
        a.jump(Jump.JGT, short, 5, src=8)
        a.load(size, 3, 4, 0)
        a.store(size, 7, 4, src=3)
        a.place(short)
        a.move(0, imm=3)
        a.exit()

    return program


def frames(count):
    """Of all lengths, most of which name a place inside themselves, many of them right before the end."""
    rng, made = random.Random(count), []
    for _ in range(count):
        data = bytearray(rng.randbytes(rng.choice([14, 20, 60, 64, 65, 129, 300, 700, 1514, 2048])))
        place = rng.choice([rng.randrange(2048), rng.randrange(64), max(0, len(data) - rng.randrange(12))])
        data[14:16] = place.to_bytes(2, "little") if len(data) > 16 else data[14:16]
        made.append(bytes(data))
    return made


WINDOW = 64
PROGRAMS = {
    "plain": far(4),
    "a byte": far(1),
    "behind a write": far(8, write=(17, 2)),
    "behind a write at the end of the window": far(8, write=(WINDOW - 1, 1)),
    "head cut": far(8, head=10),
    "head grown": far(4, head=-24, write=(17, 2)),
    "tail grown": far(8, tail=(64,)),
    "tail cut and grown": far(8, tail=(-30, 600)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_bytes_from_anywhere_are_the_kernels(assemble, name):
    program = assemble(PROGRAMS[name])
    graph = build(verify(program, {}))
    assert graph.window <= 128
    assert any(n.op == "site" and n.attr.unit == UNIT for n in graph.nodes)
    evaluator = Evaluator(graph, {})
    with LinuxOracle(program, {}) as linux:
        for frame in frames(200):
            expected, made = linux.run(frame), evaluator.run(frame)
            assert (made.verdict, made.frame) == (expected.verdict, expected.frame)


def test_the_last_byte_of_the_window_is_where_a_program_writes(assemble):
    # Guards the case above: nothing but that byte differs from what was stored.
    assert build(verify(assemble(PROGRAMS["behind a write at the end of the window"]), {})).window == WINDOW


@pytest.mark.parametrize("width", [16, 64])
def test_the_hardware_reads_them_too_back_to_back(assemble, width):
    program, traffic, target = assemble(PROGRAMS["tail cut and grown"]), frames(300), Target(width=width)
    design = compile_program(ObjectSpec("far", (program,), {}), program, target)
    hardware = Netlist(design.verilog, target.width, target.max_frame, target.clock_mhz)
    made = VerilatorEngine().results(hardware, [Frame(data) for data in traffic])
    with LinuxOracle(program, {}) as linux:
        expected = record("Linux", linux, traffic)
    assert compare(expected, Record("hardware", made, {}), Input(program, {}, traffic, {})) is None
