"""bpf_tail_call and arrays of programs: interpreter and graph against the running kernel."""

import os
import random
from collections import Counter

import pytest
from agreement import trio
from assembler import CTX, FP, Assembler, Label
from hardpath.codegen.chain import with_slot
from hardpath.codegen.elf import select
from hardpath.codegen.flow import maps_of
from hardpath.codegen.graph import Evaluator, build
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec, ObjectSpec, ProgramSpec
from hardpath.codegen.verify import Limits, verify
from hardpath.hdl.errors import Refused, VerificationError
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.interpreter import Interpreter
from hardpath.sim.linux import LinuxOracle, available, kernel_verdict
from syscalls import errno_of

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

PROG_ARRAY, ARRAY = 3, 2
LOOKUP, TAIL_CALL = 1, 12
ABORTED, DROP, PASS, TX = range(4)
COUNTS = MapSpec("counts", ARRAY, 4, 8, 4)


def written(name, write):
    """A program; ``write`` may return the names of its functions by slot."""
    a = Assembler()
    functions = write(a) or {}
    return ProgramSpec(name, "xdp", a.finish(), {0: name, **functions}, license="GPL")


def chain(main, others, slots, entries=4):
    """``main`` linked with what it can call, and its maps."""
    programs = [written(name, write) for name, write in {"main": main, **others}.items()]
    arrays = {"jumps": MapSpec("jumps", PROG_ARRAY, 4, 4, entries, slots=slots), "counts": COUNTS}
    spec = ObjectSpec("test.o", tuple(programs), arrays)
    program = select(spec, "main")
    return program, maps_of(program, spec.maps)


def begin(a, size=32):
    """r6 = context, r7 = data; frames shorter than ``size`` are dropped."""
    a.move(6, src=CTX)
    a.frame_or(size, DROP, ctx=6, data=7)


def end(a, verdict):
    a.move(0, imm=verdict)
    a.exit()


def count(a, index):
    missing = Label()
    a.store(4, FP, -4, imm=index)
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.map(1, "counts")
    a.call(LOOKUP)
    a.jump(Jump.JEQ, missing, 0, imm=0)
    a.load(8, 1, 0, 0)
    a.alu(Alu.ADD, 1, imm=1)
    a.store(8, 0, 0, src=1)
    a.place(missing)


def tail_call(a, index=None, offset=None):
    """To a constant index, or to the 8 bytes at ``offset`` of the frame."""
    if offset is not None:
        a.load(8, 3, 7, offset)
    a.move(1, src=6)
    a.map(2, "jumps")
    if index is not None:
        a.move(3, imm=index)
    a.call(TAIL_CALL)


def add_to(a, offset, amount):
    a.load(1, 1, 7, offset)
    a.alu(Alu.ADD, 1, imm=amount)
    a.store(1, 7, offset, src=1)


def agree(program, maps, frames):
    """Linux, interpreter and graph make the same of all frames and maps; how often each verdict came."""
    with trio(program, maps) as three:
        return Counter(int(three.run(frame).verdict) for frame in frames)


def random_frames(seed, count, words):
    """Frames of 20 to 64 bytes with one of ``words`` as their first 8 bytes, and small numbers behind."""
    rng = random.Random(seed)
    for _ in range(count):
        body = bytes(rng.choice((0, 1, 2, 3, 4, rng.getrandbits(8))) for _ in range(rng.choice((12, 24, 56))))
        yield rng.choice(words).to_bytes(8, "little") + body


def counting(verdict, index, offset):
    def write(a):
        begin(a)
        count(a, index)
        add_to(a, offset, 3)
        end(a, verdict)

    return write


def dispatcher(a):
    begin(a)
    add_to(a, 12, 1)
    tail_call(a, offset=0)
    count(a, 0)
    end(a, PASS)


def test_any_index_finds_its_program_or_goes_on():
    """Empty slots, indexes behind the end, and such as count only in their low 32 bits."""
    others = {"tx": counting(TX, 1, 13), "drop": counting(DROP, 2, 14)}
    program, maps = chain(dispatcher, others, {1: "tx", 3: "drop"})
    words = [0, 1, 2, 3, 4, 5, 1 << 31, (1 << 32) - 1, (7 << 32) | 1, 1 << 32, (1 << 64) - 1]
    seen = agree(program, maps, random_frames(1, 600, words))
    assert seen.keys() == {DROP, PASS, TX}


def test_an_array_that_nobody_filled_can_get_every_other_program():
    others = {"tx": counting(TX, 1, 13), "drop": counting(DROP, 2, 14)}
    program, maps = chain(dispatcher, others, {})
    assert maps["jumps"].table.within(0, 3) == (2, 3) and not maps["jumps"].table.first
    interpreter, graph = Interpreter(program, maps), Evaluator(build(verify(program, maps)), maps)
    rng = random.Random(5)
    with LinuxOracle(program, maps) as linux:
        for frame in random_frames(2, 400, range(6)):
            index, number = rng.randrange(4).to_bytes(4, "little"), rng.choice((2, 3)).to_bytes(4, "little")
            if rng.random() < 0.2:
                for oracle in (linux, interpreter):
                    oracle.set_map("jumps", index, number)
                assert graph.models["jumps"].update(index, number, 0) == 0
            elif index in linux.maps()["jumps"] and rng.random() < 0.2:
                for oracle in (linux, interpreter):
                    oracle.delete("jumps", index)
                assert graph.models["jumps"].delete(index) == 0
            expected = linux.run(frame)
            assert expected.verdict == interpreter.run(frame).verdict == graph.run(frame).verdict
        assert linux.maps() == interpreter.maps()


def diamond(name, following):
    """Counts, changes a byte and goes on to one of two programs."""

    def write(a):
        begin(a)
        add_to(a, 16, name)
        for offset, index in zip((8, 9), following, strict=False):
            skip = Label()
            a.load(1, 1, 7, offset + name)
            a.jump(Jump.JGT, skip, 1, imm=1)
            tail_call(a, index)
            a.place(skip)
        count(a, name)
        end(a, name)

    return write


def test_programs_that_several_lead_to_are_built_once():
    """main -> 1, 2; 1 -> 2, 3; 2 -> 3."""
    others = {"one": diamond(1, (2, 3)), "two": diamond(2, (3,)), "three": diamond(3, ())}
    program, maps = chain(diamond(0, (1, 2)), others, {1: "one", 2: "two", 3: "three"})
    seen = agree(program, maps, random_frames(3, 600, range(4)))
    assert seen.keys() == {0, 1, 2, 3}
    points = Counter(point.slot for point in verify(program, maps).points)
    assert all(points[entry] == 1 for entry in program.members)


def again(a):
    """Calls itself while byte 8 is below byte 9."""
    stop = Label()
    begin(a)
    add_to(a, 8, 1)
    a.load(1, 1, 7, 8)
    a.load(1, 2, 7, 9)
    a.jump(Jump.JGE, stop, 1, src=2)
    tail_call(a, 0)
    a.store(1, 7, 10, imm=1)
    a.place(stop)
    end(a, TX)


def test_the_34th_tail_call_fails():
    def main(a):
        begin(a)
        a.store(1, 7, 8, imm=0)
        tail_call(a, 0)
        end(a, PASS)

    program, maps = chain(main, {"again": again}, {0: "again"})
    frames = [bytes([0] * 9 + [wanted] + [0] * 30) for wanted in (0, 1, 2, 31, 32, 33, 34, 35, 255)]
    assert agree(program, maps, frames) == {TX: len(frames)}


def in_a_function(a):
    """Tail calls from a function: what follows returns to the caller, which keeps r6 to r9 and its stack."""
    inner = Label()
    begin(a)
    a.load(1, 8, 7, 20)
    a.load(1, 9, 7, 21)
    a.store(8, FP, -16, src=9)
    for offset in (16, 17):
        a.move(1, src=6)
        gone = Label()
        a.frame(32, gone, ctx=6, data=7, end=3, scratch=2)
        a.load(1, 2, 7, offset)
        a.call_local(inner)
        a.alu(Alu.ADD, 8, src=0)
        a.place(gone)
    a.load(8, 9, FP, -16)
    a.alu(Alu.ADD, 8, src=9)
    a.alu(Alu.AND, 8, imm=3)
    a.move(0, src=8)
    a.exit()
    a.place(inner)
    start = a.slot
    a.move(6, src=1)
    a.move(7, src=2)
    a.move(3, src=2)
    a.map(2, "jumps")
    a.call(TAIL_CALL)
    a.store(8, FP, -8, src=7)
    count(a, 3)
    a.move(0, src=7)
    a.exit()
    return {start: "inner"}


def returning(name, offset, following=None):
    def write(a):
        begin(a)
        count(a, name)
        add_to(a, 22, name)
        if following is not None:
            skip = Label()
            a.load(1, 1, 7, 23)
            a.jump(Jump.JGT, skip, 1, imm=2)
            tail_call(a, following)
            a.frame_or(32, DROP, ctx=6, data=7)
            a.place(skip)
        a.load(1, 0, 7, offset)
        a.exit()

    return write


def test_a_program_called_in_a_function_returns_to_its_caller():
    others = {"first": returning(1, 24, 2), "second": returning(2, 25)}
    program, maps = chain(in_a_function, others, {1: "first", 2: "second"})
    seen = agree(program, maps, random_frames(4, 600, range(4)))
    assert seen.keys() == {0, 1, 2, 3}


# --- what is not allowed -------------------------------------------------------------------------


def uses_r0(a):
    begin(a)
    tail_call(a, 1)
    a.exit()


def target_uses_r6(a):
    a.move(0, src=6)
    a.exit()


def target_reads_stack(a):
    a.load(8, 0, FP, -8)
    a.exit()


def fine(a):
    end(a, PASS)


def wrong_map(a):
    a.map(2, "counts")
    a.move(3, imm=1)
    a.call(TAIL_CALL)
    end(a, PASS)


def deep(size):
    def write(a):
        inner = Label()
        a.store(8, FP, -size, imm=0)
        a.call_local(inner)
        end(a, PASS)
        a.place(inner)
        start = a.slot
        a.map(2, "jumps")
        a.move(3, imm=1)
        a.call(TAIL_CALL)
        end(a, PASS)
        return {start: "inner"}

    return write


@pytest.mark.parametrize(
    "main, target, reason",
    [
        (uses_r0, fine, "r0"),
        (dispatcher, target_uses_r6, "r6"),
        (wrong_map, fine, "which is of type array"),
        (deep(256), fine, "tail call"),
    ],
)
def test_what_linux_rejects_is_rejected(main, target, reason):
    program, maps = chain(main, {"target": target}, {1: "target"})
    assert not kernel_verdict(program, maps)[0]
    with pytest.raises(VerificationError, match=reason):
        verify(program, maps)


@pytest.mark.parametrize("main", [deep(240), deep(8)])
def test_what_linux_accepts_is_accepted(main):
    program, maps = chain(main, {"target": fine}, {1: "target"})
    assert kernel_verdict(program, maps)[0]
    verify(program, maps)


def test_the_stack_of_the_program_before_is_gone():
    """Linux lets a privileged program read it, and gives whatever is there."""
    program, maps = chain(dispatcher, {"target": target_reads_stack}, {1: "target"})
    with pytest.raises(Refused, match="never written"):
        verify(program, maps)


def test_circles_that_become_too_large_are_refused_with_a_remedy():
    program, maps = chain(dispatcher, {"again": again}, {0: "again", 1: "main"})
    with pytest.raises(Refused, match="follow each other in circles") as refused:
        verify(program, maps, limits=Limits(points=300))
    assert "--slot" in refused.value.remedy


def test_a_message_names_the_member_and_its_own_instruction():
    program, maps = chain(dispatcher, {"target": target_uses_r6}, {1: "target"})
    with pytest.raises(VerificationError, match="instruction 0 of target"):
        verify(program, maps)


def test_a_slot_may_hold_what_the_user_says():
    spec = ObjectSpec(
        "test.o",
        tuple(written(n, w) for n, w in {"main": dispatcher, "a": fine, "b": fine}.items()),
        {"jumps": MapSpec("jumps", PROG_ARRAY, 4, 4, 4, slots={2: "a"}), "counts": COUNTS},
    )
    table = select(with_slot(spec, "jumps", 1, ("b", "a")), "main").tables["jumps"]
    assert table.first == {1: 3, 2: 2} and table.choices == {1: (2, 3), 2: (2,)}
    assert table.within(0, 0) == () and table.within(2, 2) == (2,)


def test_host_changes_are_the_kernels(request):
    """What bpf(2) says to updates and deletes, and which slots hold something afterwards."""
    _, maps = chain(dispatcher, {"tx": counting(TX, 1, 13), "drop": counting(DROP, 2, 14)}, {})
    model, rng = MAP_TYPES[PROG_ARRAY].model(maps["jumps"]), random.Random(9)
    fd = bpf.map_create(PROG_ARRAY, 4, 4, 4, 0, "jumps")
    request.addfinalizer(lambda: os.close(fd))
    probe = bpf.prog_load(bytes.fromhex("b700000002000000 9500000000000000"), "probe", "GPL")
    request.addfinalizer(lambda: os.close(probe))

    for _ in range(300):
        key, flags = rng.choice((0, 1, 2, 3, 4, 1 << 31)).to_bytes(4, "little"), rng.choice((0, 0, 0, 1, 2, 3))
        if rng.random() < 0.4:
            assert errno_of(bpf.map_delete, fd, key) == model.delete(key)
        else:
            value, number = probe.to_bytes(4, "little"), rng.choice((2, 3)).to_bytes(4, "little")
            assert errno_of(bpf.map_update, fd, key, value, flags) == model.update(key, number, flags)
        for index in range(5):
            each = index.to_bytes(4, "little")
            assert (bpf.map_lookup(fd, each, 4) is None) == (model.lookup(each) is None)
