"""Programs that fuzzing found something with, by hand and small."""

import pytest
from assembler import Assembler, Label
from case import Case
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import ProgramSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.sim.linux import available, kernel_verdict
from hardpath.sim.traffic_random import random_frames
from outcome import problem
from stages import STAGES

ADJUST_HEAD, ADJUST_META = 44, 54

needs_linux = pytest.mark.skipif(available() is not None, reason=str(available()))


def program(write):
    a = Assembler()
    write(a)
    return ProgramSpec("found", "xdp", a.finish(), {0: "found"}, license="GPL")


@pytest.mark.parametrize("condition", [Jump.JLE, Jump.JGT])
def test_a_bounds_check_on_one_path_only_proves_nothing_where_paths_meet(condition):
    """Also when no register holds a pointer into the frame where they meet."""

    def write(a):
        other, meet = Label(), Label()
        a.move(6, src=1)
        a.load(4, 1, 6, 0)
        a.load(4, 2, 6, 4)
        a.move(3, src=1)
        a.alu(Alu.ADD, 3, imm=60)
        a.jump(condition, other, 3, src=2)
        for register in (1, 2, 3):
            a.move(register, imm=0)
        a.jump(Jump.JA, meet)
        a.place(other)
        for register in (1, 2, 3):
            a.move(register, imm=0)
        a.place(meet)
        a.load(4, 1, 6, 0)
        a.load(1, 0, 1, 59)
        a.exit()

    with pytest.raises(VerificationError, match="out-of-bounds packet access"):
        verify(program(write), {})


@needs_linux
@pytest.mark.linux
@pytest.mark.parametrize("size", [8, 32, 64])
def test_metadata_of_any_size_moves_with_the_head(size):
    """Or is refused. The program then makes a frame of the metadata, so that it shows."""

    def write(a):
        done = Label()

        def adjust(helper, distance):
            a.move(1, src=6)
            a.move(2, imm=distance)
            a.call(helper)
            a.jump(Jump.JNE, done, 0, imm=0)

        a.move(6, src=1)
        adjust(ADJUST_META, -size)
        a.load(4, 2, 6, 8)
        a.load(4, 3, 6, 0)
        a.move(4, src=2)
        a.alu(Alu.ADD, 4, imm=size)
        a.jump(Jump.JGT, done, 4, src=3)
        for offset in range(0, size, 8):
            a.store(8, 2, offset, imm=0x1100 + offset)
        adjust(ADJUST_HEAD, -8)
        adjust(ADJUST_META, size)
        adjust(ADJUST_HEAD, -size)
        a.place(done)
        a.move(0, imm=2)
        a.exit()

    moving = program(write)
    assert kernel_verdict(moving, {})[0]
    for stage in ("interpreter", "passes"):
        try:
            assert problem(STAGES[stage], Case(moving, {}, list(random_frames(1, 10)), {})) is None, stage
        except Refused:
            assert stage != "interpreter"


@needs_linux
@pytest.mark.linux
@pytest.mark.parametrize("distances", [(-63, 63), (-40, 20, 20), (70, -70, -8), (90, 8)])
@pytest.mark.parametrize("variable", [False, True])
def test_metadata_moves_over_bytes_that_come_out_later(distances, variable):
    """Out of the bytes that the program touches and back, over the frame and back."""

    def write(a):
        done = Label()
        a.move(6, src=1)
        a.move(2, imm=-32)
        a.call(ADJUST_META)
        a.load(4, 2, 6, 8)
        a.load(4, 3, 6, 0)
        a.move(4, src=2)
        a.alu(Alu.ADD, 4, imm=32)
        a.jump(Jump.JGT, done, 4, src=3)
        for offset in range(0, 32, 4):
            a.store(4, 2, offset, imm=0x11223300 + offset)
        for distance in distances:
            a.load(4, 2, 6, 4)
            a.load(4, 3, 6, 0)
            a.alu(Alu.SUB, 2, src=3)
            a.alu(Alu.AND, 2, imm=1 if variable else 0)
            a.alu(Alu.ADD, 2, imm=distance)
            a.move(1, src=6)
            a.call(ADJUST_HEAD)
        a.move(1, src=6)
        a.move(2, imm=32)
        a.call(ADJUST_META)
        a.move(1, src=6)
        a.move(2, imm=-40)
        a.call(ADJUST_HEAD)
        a.place(done)
        a.move(0, imm=2)
        a.exit()

    case = Case(program(write), {}, list(random_frames(1, 10)), {})
    assert kernel_verdict(case.program, {})[0]
    assert problem(STAGES["graph"], case) is None
