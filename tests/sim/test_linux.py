"""The Linux oracle: maps, programs and frames through bpf(2)."""

import random

import pytest
from assembler import FP, Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import InputError
from hardpath.sim.linux import LONGEST_FRAME, SHORTEST_FRAME, LinuxOracle, available, kernel_verdict
from hardpath.sim.results import Verdict

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

COUNTERS = {kind: MapSpec("counters", kind, 4, 8, 2) for kind in (1, 2, 6)}
FRAME = bytes(range(64))


def returning(value):
    def write(a):
        a.move(0, imm=value)
        a.exit()

    return write


def counting(a):
    """counters[1] += 1, made first where there is none."""
    found, done = Label(), Label()
    a.store(4, FP, -4, imm=1)
    a.store(8, FP, -16, imm=1)
    a.map(1, "counters")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.call(1)
    a.jump(Jump.JNE, found, 0, imm=0)
    a.map(1, "counters")
    a.move(2, src=FP)
    a.alu(Alu.ADD, 2, imm=-4)
    a.move(3, src=FP)
    a.alu(Alu.ADD, 3, imm=-16)
    a.move(4, imm=0)
    a.call(2)
    a.jump(Jump.JA, done)
    a.place(found)
    a.load(8, 1, 0, 0)
    a.alu(Alu.ADD, 1, imm=1)
    a.store(8, 0, 0, src=1)
    a.place(done)
    a.move(0, imm=2)
    a.exit()


@pytest.mark.parametrize("value, verdict", [*((v, v) for v in range(5)), (5, 0), (-1, 0), (1 << 30, 0)])
def test_verdict_is_the_return_value_and_invalid_ones_abort(assemble, value, verdict):
    with LinuxOracle(assemble(returning(value)), {}) as linux:
        outcome = linux.run(FRAME)
    assert outcome.verdict == verdict
    assert outcome.r0 == value & 0xFFFFFFFF
    assert outcome.frame == FRAME


@pytest.mark.parametrize("kind", [1, 2, 6])
def test_maps_keep_their_contents_from_frame_to_frame(assemble, kind):
    with LinuxOracle(assemble(counting), {"counters": COUNTERS[kind]}) as linux:
        for _ in range(3):
            linux.run(FRAME)
        assert linux.maps()["counters"][(1).to_bytes(4, "little")] == (3).to_bytes(8, "little")


@pytest.mark.parametrize("kind", [1, 2, 6])
def test_the_program_sees_what_was_put_into_a_map(assemble, kind):
    key = (1).to_bytes(4, "little")
    with LinuxOracle(assemble(counting), {"counters": COUNTERS[kind]}) as linux:
        linux.set_map("counters", key, (40).to_bytes(8, "little"))
        linux.run(FRAME)
        assert linux.maps()["counters"][key] == (41).to_bytes(8, "little")


def test_a_deleted_entry_is_gone(assemble):
    with LinuxOracle(assemble(counting), {"counters": COUNTERS[1]}) as linux:
        linux.run(FRAME)
        linux.delete("counters", (1).to_bytes(4, "little"))
        assert linux.maps() == {"counters": {}}
        with pytest.raises(InputError, match="counters"):
            linux.delete("counters", (1).to_bytes(4, "little"))


def test_global_data_starts_with_its_contents(assemble):
    def write(a):
        a.map(1, ".rodata", 4)
        a.load(4, 0, 1, 0)
        a.exit()

    rodata = MapSpec(".rodata", 2, 4, 8, 1, initial=bytes([9, 9, 9, 9, 3, 0, 0, 0]), readonly=True)
    with LinuxOracle(assemble(write), {".rodata": rodata}) as linux:
        assert linux.run(FRAME).verdict == Verdict.TX
        with pytest.raises(InputError, match=r"\.rodata"):
            linux.set_map(".rodata", bytes(4), bytes(8))


def test_context_says_loopback_and_first_queue(assemble):
    def write(a):
        a.load(4, 0, 1, 12)
        a.load(4, 2, 1, 16)
        a.alu(Alu.LSH, 2, imm=8)
        a.alu(Alu.OR, 0, src=2)
        a.exit()

    with LinuxOracle(assemble(write), {}) as linux:
        assert linux.run(FRAME).r0 == 1


@pytest.mark.parametrize("helper, unit", [(5, 1), (125, 1), (160, 1), (118, 4_000_000)])
def test_the_clock_tells_when_the_frame_arrived(assemble, helper, unit):
    """Asked twice, around a jump, with the answers in a map."""

    def write(a):
        done = Label()
        a.call(helper)
        a.map(6, ".bss", 0)
        a.store(8, 6, 0, src=0)
        a.jump(Jump.JEQ, done, 0, imm=0)
        a.call(helper)
        a.store(8, 6, 8, src=0)
        a.place(done)
        a.move(0, imm=2)
        a.exit()

    bss = MapSpec(".bss", 2, 4, 16, 1, initial=bytes(16))
    with LinuxOracle(assemble(write), {".bss": bss}) as linux:
        for time in (0, 5 * unit, (1 << 64) - 1):
            linux.run(FRAME, time_ns=time)
            told = (time // unit).to_bytes(8, "little")
            assert linux.maps() == {".bss": {bytes(4): told + (told if time else bytes(8))}}


@pytest.mark.parametrize("size", [SHORTEST_FRAME, LONGEST_FRAME])
def test_frames_of_the_extreme_sizes_pass(assemble, size):
    with LinuxOracle(assemble(returning(2)), {}) as linux:
        assert len(linux.run(bytes(size)).frame) == size


@pytest.mark.parametrize("size", [0, SHORTEST_FRAME - 1, LONGEST_FRAME + 1])
def test_frames_of_other_sizes_are_refused(assemble, size):
    with LinuxOracle(assemble(returning(2)), {}) as linux, pytest.raises(InputError, match=str(size)):
        linux.run(bytes(size))


def test_kernel_verdict_gives_the_verifiers_log(assemble):
    def unsafe(a):
        a.load(8, 0, 1, 0)
        a.exit()

    assert kernel_verdict(assemble(returning(2)), {})[0]
    accepted, log = kernel_verdict(assemble(unsafe), {})
    assert not accepted
    assert "invalid bpf_context access" in log
    with pytest.raises(InputError, match=r"instruction 0: .*: invalid bpf_context access") as error:
        LinuxOracle(assemble(unsafe), {}).__enter__()
    assert "\n" not in str(error.value)
    assert str(error.value.__cause__) == log


@pytest.mark.parametrize(
    "name, key, value", [("counters", b"\0", bytes(8)), ("counters", bytes(4), b""), ("none", bytes(4), bytes(8))]
)
def test_wrong_map_contents_are_one_clear_line(assemble, name, key, value):
    with (
        LinuxOracle(assemble(counting), {"counters": COUNTERS[2]}) as linux,
        pytest.raises(InputError, match=name) as error,
    ):
        linux.set_map(name, key, value)
    assert "\n" not in str(error.value)


def test_a_map_that_linux_cannot_create_is_named(assemble):
    bad = MapSpec("counters", 2, 3, 8, 2)
    with pytest.raises(InputError, match="counters"), LinuxOracle(assemble(counting), {"counters": bad}):
        pass


@pytest.mark.parametrize("size", [4, 16, 24, 64, 200, 1000])
def test_keys_and_values_of_any_size_arrive_as_they_are(assemble, size):
    rng = random.Random(size)
    contents = {rng.randbytes(size): rng.randbytes(size) for _ in range(300)}

    def write(a):
        a.map(1, "m")
        a.move(0, imm=2)
        a.exit()

    with LinuxOracle(assemble(write), {"m": MapSpec("m", 1, size, size, 512)}) as oracle:
        for key, value in contents.items():
            oracle.set_map("m", key, value)
        assert oracle.maps()["m"] == contents
        for key in list(contents)[::2]:
            oracle.delete("m", key)
        assert oracle.maps()["m"] == dict(list(contents.items())[1::2])
