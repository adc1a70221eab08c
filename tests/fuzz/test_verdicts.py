"""Verdicts of hardpath and Linux on damaged programs, and the reasons why they may differ."""

import pytest
from assembler import CTX, Assembler, Label
from generator import Features
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.sim.linux import available, kernel_verdict
from imprecision import Forgotten, forgotten
from verdicts import compare

needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))
pytestmark = pytest.mark.linux

SEED = 200_000
RANDOM = 7


@needs_linux
@pytest.mark.parametrize("first", range(SEED, SEED + 200, 20))
def test_no_verdict_is_wrong(first):
    for seed in range(first, first + 20):
        outcome = compare(seed, Features(statements=8))
        assert not outcome.wrong, outcome.report


def _checked(a, size):
    """r2: data, with ``size`` bytes checked; r6: the context. Otherwise the program ends."""
    a.move(6, src=CTX)
    a.frame_or(size, 1, ctx=6, data=2, end=3, scratch=4)


def _data_again(a):
    _checked(a, 14)
    a.load(4, 2, 6, 0)
    a.load(1, 0, 2, 13)


def _dead_by_a_number(a):
    skip = Label()
    a.move(1, imm=35)
    a.alu(Alu.DIV, 1, imm=5)
    a.jump(Jump.JEQ, skip, 1, imm=7)
    a.load(8, 0, 1, 0)
    a.place(skip)
    a.move(0, imm=2)


def _dead_by_the_order_of_pointers(a):
    skip = Label()
    a.load(4, 2, CTX, 0)
    a.move(3, src=2)
    a.alu(Alu.ADD, 3, imm=4)
    a.jump(Jump.JGT, skip, 3, src=2)
    a.load(1, 0, 2, 0)
    a.place(skip)
    a.move(0, imm=2)


def _dead_as_data_is_not_null(a):
    skip = Label()
    a.load(4, 2, CTX, 0)
    a.jump(Jump.JNE, skip, 2, imm=0)
    a.load(1, 0, 2, 0)
    a.place(skip)
    a.move(0, imm=2)


@needs_linux
@pytest.mark.parametrize(
    ("write", "why"),
    [
        (_data_again, Forgotten.PROOF),
        (_dead_by_a_number, Forgotten.NUMBER),
        (_dead_by_the_order_of_pointers, Forgotten.ORDER),
        (_dead_as_data_is_not_null, Forgotten.NOT_NULL),
    ],
)
def test_what_linux_forgets_is_found_out(write, why):
    a = Assembler()
    write(a)
    a.exit()
    program = ProgramSpec("test", "xdp", a.finish(), {0: "test"}, license="GPL")
    verify(program, {})
    accepted, log = kernel_verdict(program, {})
    assert not accepted
    assert forgotten(program, {}, log) is why


@pytest.mark.parametrize(
    "complaint",
    [
        "R0 !read_ok",
        "BPF_ATOMIC stores into R1 pkt is not allowed",
        "calling kernel function foo is not allowed",
    ],
)
def test_other_complaints_are_not_explained(complaint):
    """As if Linux had said that of a good program."""
    a = Assembler()
    a.call(RANDOM)
    a.alu(Alu.AND, 0, imm=1)
    a.exit()
    program = ProgramSpec("test", "xdp", a.finish(), {0: "test"}, license="GPL")
    log = f"0: (85) call bpf_get_prandom_u32#7\n1: (57) r0 &= 1\n{complaint}\nprocessed 2 insns\n"
    assert forgotten(program, {}, log) is None
