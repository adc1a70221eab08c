"""bpf_xdp_load_bytes, bpf_xdp_store_bytes, bpf_xdp_get_buff_len: interpreter and graph against the running kernel."""

import pytest
from agreement import trio
from assembler import CTX, FP, Label
from hardpath.codegen.graph import build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.codegen.verify import verify
from hardpath.hdl.errors import Refused
from hardpath.sim.linux import available, kernel_verdict
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

LOOKUP, ADJUST_HEAD, ADJUST_TAIL, BUFF_LEN, LOAD, STORE = 1, 44, 65, 188, 189, 190
MAPS = {"m": MapSpec("m", 2, 4, 64, 1)}
FRAME = bytes(range(1, 101))

repeatedly = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def assert_equal(program, *frames, width=64):
    """Linux, interpreter and graph do the same to the frames, one after the other, and to the map; the verdicts."""
    used = MAPS if any(i.reference for i in program.instructions) else {}
    with trio(program, used, build(verify(program, used), width=width)) as three:
        return [int(three.run(frame).verdict) for frame in frames]


def show(a, register=0):
    """Store a result as the frame's last bytes but 14: every frame has 8 bytes from its start."""
    out = Label()
    a.move(9, src=register)
    a.frame(8, out, ctx=6, data=1)
    a.store(8, 1, 0, src=9)
    a.place(out)
    a.move(0, imm=2)


def moved(a, head=0, tail=0):
    a.move(6, src=CTX)
    for helper, distance in ((ADJUST_HEAD, head), (ADJUST_TAIL, tail)):
        if distance:
            a.move(1, src=6)
            a.move(2, imm=distance)
            a.call(helper)


def point_to(a, register, where):
    """A pointer to 16 bytes or more: stack at -16, or a map value."""
    if where == "stack":
        a.move(register, src=FP)
        a.alu(Alu.ADD, register, imm=-16)
    else:
        a.move(register, src=7)


def map_value(a):
    """r7 = the map's value."""
    none = Label()
    a.store(4, FP, -20, imm=0)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-20)
    a.map(1, "m")
    a.call(LOOKUP)
    a.jump(Jump.JNE, none, 0, imm=0)
    a.exit()
    a.place(none)
    a.move(7, src=0)


def from_frame(a, register, index, most):
    """register = byte ``index`` of the frame, cut to ``most`` (a power of two less 1); 1 for a frame too short."""
    short = Label()
    a.move(8, imm=1)
    a.frame(14, short, ctx=6, data=1)
    a.load(1, 8, 1, index)
    a.alu(Alu.AND, 8, imm=most)
    a.place(short)
    a.move(register, src=8)


@repeatedly
@given(
    st.integers(-1, 90) | st.sampled_from((0xFFFF, 0x10000, -(1 << 31), 99, 100)),
    st.integers(1, 16),
    st.sampled_from(("stack", "map")),
    st.sampled_from((0, -8, 20)),
    st.sampled_from((0, -40, 30)),
)
def test_loads_at_constant_offsets(assemble, offset, size, where, head, tail):
    """Also behind the end, after the ends have moved, and with offsets that no frame has."""
    if not 0 <= offset < 200:
        size = 1

    def program(a):
        moved(a, head, tail)
        a.store(8, FP, -16, imm=0x1234)
        a.store(8, FP, -8, imm=0x5678)
        if where == "map":
            map_value(a)
        a.move(1, src=6)
        a.move(2, imm=offset)
        point_to(a, 3, where)
        a.move(4, imm=size)
        a.call(LOAD)
        if where == "map":
            a.load(8, 8, 7, 0)
        else:
            a.load(8, 8, FP, -16)
        a.alu(Alu.XOR, 8, src=0)
        show(a, 8)
        a.exit()

    assert_equal(assemble(program), FRAME, FRAME[:40], FRAME[:14], FRAME)


@repeatedly
@given(
    st.binary(min_size=14, max_size=90),
    st.sampled_from((7, 63)),
    st.sampled_from((3, 15)),
    st.booleans(),
    st.booleans(),
    st.sampled_from((0, -8, 4)),
)
def test_offsets_and_sizes_that_vary(assemble, frame, most_offset, most_size, store, fixed, head):
    """The offset is in byte 12, the size in byte 13 of the frame."""

    def program(a):
        moved(a, head)
        map_value(a)
        from_frame(a, 9, 13, most_size)
        a.alu(Alu.ADD, 9, imm=1)
        from_frame(a, 2, 12, most_offset)
        a.move(1, src=6)
        a.move(3, src=7)
        if fixed:
            a.move(4, imm=most_size)
        else:
            a.move(4, src=9)
        a.call(STORE if store else LOAD)
        show(a)
        a.exit()

    shifted = bytearray(frame)
    shifted[13] ^= 5
    assert_equal(assemble(program), frame, bytes(shifted), bytes(reversed(frame)), FRAME, frame)


@repeatedly
@given(st.integers(0, 90), st.integers(1, 16), st.sampled_from((0, -8, 20)), st.binary(min_size=14, max_size=120))
def test_stores_at_constant_offsets(assemble, offset, size, head, frame):
    """A pointer into the frame from before the call stays good and sees the new bytes."""

    def program(a):
        out = Label()
        moved(a, head)
        a.constant(1, 0x1122334455667788)
        a.store(8, FP, -16, src=1)
        a.constant(1, 0x99AABBCCDDEEFF00)
        a.store(8, FP, -8, src=1)
        a.move(0, imm=1)
        a.frame(14, out, ctx=6, data=7)
        a.move(1, src=6)
        a.move(2, imm=offset)
        point_to(a, 3, "stack")
        a.move(4, imm=size)
        a.call(STORE)
        a.load(1, 1, 7, 3)
        a.alu(Alu.ADD, 1, src=0)
        a.store(1, 7, 13, src=1)
        a.move(0, imm=3)
        a.place(out)
        a.exit()

    assert_equal(assemble(program), frame, FRAME)


@repeatedly
@given(st.integers(14, 300), st.sampled_from((0, -8, 10)), st.sampled_from((0, -20, 60)))
def test_length_of_the_frame(assemble, length, head, tail):
    def program(a):
        moved(a, head, tail)
        a.move(1, src=6)
        a.call(BUFF_LEN)
        show(a)
        a.exit()

    assert_equal(assemble(program), bytes(length))


@pytest.mark.parametrize("helper", [LOAD, STORE])
def test_offsets_from_a_head_in_front_of_the_window_reach_its_end(assemble, helper):
    """With beats of 8 bytes the window is smaller than the largest offset."""

    def program(a):
        short = Label()
        a.move(6, src=CTX)
        a.frame(14, short, ctx=6, data=1)
        a.load(1, 7, 1, 0)
        a.alu(Alu.AND, 7, imm=63)
        a.store(8, FP, -8, imm=-1)
        a.move(CTX, src=6)
        moved(a, head=-14)
        a.jump(Jump.JNE, short, 0, imm=0)
        a.move(1, src=6)
        a.move(2, src=7)
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=-8)
        a.move(4, imm=6)
        a.call(helper)
        a.load(8, 8, FP, -8)
        show(a, 8)
        a.exit()
        a.place(short)
        a.move(0, imm=1)
        a.exit()

    assert_equal(assemble(program), *(bytes([offset]) + FRAME[1:] for offset in range(64)), width=8)


def loading_to_unwritten_stack(a, test_first):
    a.move(6, src=CTX)
    a.move(2, imm=20)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-8)
    a.move(4, imm=8)
    a.call(LOAD)
    failed = Label()
    if test_first:
        a.jump(Jump.JNE, failed, 0, imm=0)
    a.load(8, 8, FP, -8)
    show(a, 8)
    a.exit()
    if test_first:
        a.place(failed)
        a.move(0, imm=1)
        a.exit()


def test_a_load_initialises_the_stack_where_it_succeeds(assemble):
    assert assert_equal(assemble(lambda a: loading_to_unwritten_stack(a, True)), FRAME, FRAME[:20]) == [2, 1]


def test_stack_that_is_unwritten_where_the_load_fails_is_refused(assemble):
    """Linux lets a privileged program read what lies there."""
    program = assemble(lambda a: loading_to_unwritten_stack(a, False))
    assert kernel_verdict(program, {})[0]
    with pytest.raises(Refused, match="never written"):
        build(verify(program, {}))


def test_a_load_over_a_spilled_pointer_is_not_that_pointer_any_more(assemble):
    def program(a):
        a.move(6, src=CTX)
        a.store(8, FP, -8, src=6)
        a.move(2, imm=0)
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=-8)
        a.move(4, imm=4)
        a.call(LOAD)
        a.load(8, 1, FP, -8)
        a.load(4, 0, 1, 0)
        a.exit()

    assembled = assemble(program)
    assert not kernel_verdict(assembled, {})[0]
    with pytest.raises(Exception, match=r"number|written"):
        verify(assembled, {})


def test_an_offset_that_may_be_behind_the_window_is_refused_at_its_place(assemble):
    def program(a):
        a.move(6, src=CTX)
        a.load(4, 2, 6, 12)
        a.store(8, FP, -8, imm=0)
        a.move(1, src=6)
        a.move(3, src=FP)
        a.alu(Alu.ADD, 3, imm=-8)
        a.move(4, imm=8)
        a.call(LOAD)
        a.move(0, imm=2)
        a.exit()

    with pytest.raises(Refused, match="window") as refused:
        build(verify(assemble(program), {}), max_window=1024)
    assert refused.value.place is not None
