"""Helpers' reference behaviour against the running kernel, on the edges and on random input."""

import struct

import pytest
from assembler import FP
from hardpath.codegen.isa import Alu
from hardpath.hdl.helpers.xdp_limits import HIGHEST_END, LOWEST_START, SHORTEST_FRAME
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

ADJUST_HEAD, ADJUST_META, ADJUST_TAIL, CSUM_DIFF, REDIRECT = 44, 54, 65, 28, 23
FRAME = bytes(range(1, 101))

repeatedly = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_equal_to_linux(program, frame=FRAME):
    """Runs the frame twice, for what the first run leaves behind; returns r0 as a signed number."""
    interpreter = Interpreter(program, {})
    with LinuxOracle(program, {}) as linux:
        for _ in range(2):
            expected, actual = linux.run(frame), interpreter.run(frame)
            assert actual.r0 & 0xFFFFFFFF == expected.r0
            assert (actual.verdict, actual.frame) == (expected.verdict, expected.frame)
    return struct.unpack("<i", struct.pack("<I", expected.r0))[0]


def moving(*steps):
    """Calls of helpers with (helper, distance); returns the last result."""

    def write(a):
        a.move(6, src=1)
        for helper, distance in steps:
            a.move(1, src=6)
            a.move(2, imm=distance)
            a.call(helper)
        a.exit()

    return write


@pytest.mark.parametrize(
    "helper, last, first_wrong",
    [
        (ADJUST_HEAD, LOWEST_START, LOWEST_START - 1),
        (ADJUST_HEAD, len(FRAME) - SHORTEST_FRAME, len(FRAME) - SHORTEST_FRAME + 1),
        (ADJUST_TAIL, SHORTEST_FRAME - len(FRAME), SHORTEST_FRAME - len(FRAME) - 1),
        (ADJUST_TAIL, HIGHEST_END - len(FRAME), HIGHEST_END - len(FRAME) + 1),
        (ADJUST_META, LOWEST_START, LOWEST_START - 4),
        (ADJUST_META, 0, 4),
        (ADJUST_META, -4, -6),
    ],
)
def test_limits_are_the_kernels(assemble, helper, last, first_wrong):
    assert assert_equal_to_linux(assemble(moving((helper, last)))) == 0
    assert assert_equal_to_linux(assemble(moving((helper, first_wrong)))) < 0


@pytest.mark.parametrize("size, fits", [(252, True), (256, False)])
def test_metadata_has_at_most_252_bytes(assemble, size, fits):
    result = assert_equal_to_linux(assemble(moving((ADJUST_HEAD, 60), (ADJUST_META, -size))))
    assert result == (0 if fits else -13)


distances = st.one_of(st.integers(-300, 300), st.sampled_from((-(1 << 31), (1 << 31) - 1, 3420, 4000)))


@repeatedly
@given(st.lists(st.tuples(st.sampled_from((ADJUST_HEAD, ADJUST_META, ADJUST_TAIL)), distances), max_size=5))
def test_ends_move_as_in_linux(assemble, steps):
    assert_equal_to_linux(assemble(moving((ADJUST_META, -8), *steps) if len(steps) % 2 else moving(*steps, (65, 0))))


def test_redirect_with_flags_aborts(assemble):
    def write(flags):
        def body(a):
            a.move(1, imm=7)
            a.move(2, imm=flags)
            a.call(REDIRECT)
            a.exit()

        return body

    assert assert_equal_to_linux(assemble(write(0))) == 4
    assert assert_equal_to_linux(assemble(write(1))) == 0


words = st.sampled_from((0, 0xFFFFFFFF, 0xFFFF, 0xFFFF0000, 1)) | st.integers(0, 0xFFFFFFFF)
buffers = st.lists(words, max_size=12).map(lambda x: struct.pack(f"<{len(x)}I", *x))
seeds = st.sampled_from((0, 0xFFFFFFFF, 0xFFFF, 0xFFFF0000)) | st.integers(0, (1 << 64) - 1)


@repeatedly
@given(buffers, buffers, st.integers(0, 3), st.integers(0, 3), seeds)
def test_checksum_differences_are_the_kernels_to_the_bit(assemble, old, new, old_cut, new_cut, seed):
    """Also for sizes that are no multiple of 4, and for the two forms of zero."""
    old, new = old[: max(0, len(old) - old_cut)], new[: max(0, len(new) - new_cut)]

    def write(a):
        for data, pointer, bottom in ((old, 1, -64), (new, 3, -128)):
            for offset, byte in enumerate(data):
                a.store(1, FP, bottom + offset, imm=byte)
            if data:
                a.move(pointer, src=FP)
                a.alu(Alu.ADD, pointer, imm=bottom)
            else:
                a.move(pointer, imm=0)
            a.move(pointer + 1, imm=len(data))
        a.constant(5, seed)
        a.call(CSUM_DIFF)
        a.exit()

    assert 0 <= assert_equal_to_linux(assemble(write)) <= 0xFFFF
