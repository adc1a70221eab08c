"""The reference models of the map types against the maps of the running kernel."""

import random

import pytest
from assembler import Label
from hardpath.codegen.isa import Alu, Jump
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.sim.linux import LinuxOracle, available
from map_keys import map_keys

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LRU_PERCPU_HASH, LPM_TRIE = 1, 2, 5, 6, 9, 10, 11
NO_PREALLOC = 1
STEPS = 3
KEY, VALUE = 8, 8  # bytes that a step has for each in the frame
STEP = 24 + KEY + VALUE  # operation, flags, result, key, value
FRAME = 16 + KEY + STEPS * STEP  # what the pointer read, the key it was looked up with, the steps


def step(a, at):
    """r0 = the operation of the step at this offset of the frame; r6 is the frame."""
    delete, done = Label(), Label()
    a.map(1, "m")
    a.move(2, src=6)
    a.alu(Alu.ADD, 2, imm=at + 24)
    a.load(8, 4, 6, at + 8)
    a.load(1, 5, 6, at)
    a.jump(Jump.JNE, delete, 5, imm=0)
    a.move(3, src=6)
    a.alu(Alu.ADD, 3, imm=at + 24 + KEY)
    a.call(2)
    a.jump(Jump.JA, done)
    a.place(delete)
    a.call(3)
    a.place(done)
    a.store(8, 6, at + 16, src=0)


def program(a):
    """Look a key up, carry out the steps, then increment what the pointer from before points to."""
    absent, out = Label(), Label()
    a.frame(FRAME, out, end=7, scratch=2)
    a.map(1, "m")
    a.move(2, src=6)
    a.alu(Alu.ADD, 2, imm=16)
    a.call(1)
    a.move(8, src=0)
    for number in range(STEPS):
        step(a, 16 + KEY + number * STEP)
    a.move(1, imm=0)
    a.jump(Jump.JEQ, absent, 8, imm=0)
    a.load(1, 1, 8, 0)
    a.store(1, 6, 0, src=1)
    a.alu(Alu.ADD, 1, imm=1)
    a.store(1, 8, 0, src=1)
    a.store(1, 6, 1, imm=1)
    a.place(absent)
    a.move(0, imm=2)
    a.exit()
    a.place(out)
    a.move(0, imm=0)
    a.exit()


def random_frame(rng, spec, keys):
    frame = bytearray(rng.randbytes(FRAME))
    frame[0:2] = b"\0\0"
    for start in (16, *(16 + KEY + i * STEP + 24 for i in range(STEPS))):
        frame[start : start + spec.key_size] = rng.choice(keys)
    for i in range(STEPS):
        start = 16 + KEY + i * STEP
        frame[start] = rng.choice((0, 0, 1))
        flags = rng.choice((0, 0, 0, 1, 2, 3, 4, 5, 6, 1 << 32, (1 << 64) - 1))
        frame[start + 8 : start + 16] = flags.to_bytes(8, "little")
    return bytes(frame)


def with_model(model, spec, frame):
    """What `program` makes of the frame."""
    out = bytearray(frame)
    handle = model.lookup(frame[16 : 16 + spec.key_size])
    for i in range(STEPS):
        start = 16 + KEY + i * STEP
        key = frame[start + 24 : start + 24 + spec.key_size]
        value = frame[start + 24 + KEY : start + 24 + KEY + spec.value_size]
        flags = int.from_bytes(frame[start + 8 : start + 16], "little")
        result = model.delete(key) if frame[start] else model.update(key, value, flags)
        out[start + 16 : start + 24] = result.to_bytes(8, "little", signed=True)
    if handle is not None:
        memory = model.value(handle)
        out[0:2] = memory[0], 1
        memory[0] = memory[0] + 1 & 0xFF
    return bytes(out)


@pytest.mark.parametrize(
    "spec",
    [
        MapSpec("m", ARRAY, 4, 8, 5),
        MapSpec("m", ARRAY, 4, 3, 1),
        MapSpec("m", PERCPU_ARRAY, 4, 8, 4),
        MapSpec("m", HASH, 8, 8, 16),
        MapSpec("m", HASH, 3, 5, 7),
        MapSpec("m", HASH, 1, 1, 1),
        MapSpec("m", HASH, 4, 8, 9, NO_PREALLOC),
        MapSpec("m", PERCPU_HASH, 8, 8, 16),
        MapSpec("m", PERCPU_HASH, 3, 5, 7),
        MapSpec("m", PERCPU_HASH, 4, 8, 9, NO_PREALLOC),
        MapSpec("m", LRU_HASH, 8, 8, 4096),
        MapSpec("m", LRU_PERCPU_HASH, 3, 5, 4096),
        MapSpec("m", ARRAY, 4, 8, 5, lock=4),
        MapSpec("m", HASH, 3, 8, 7, lock=4),
        MapSpec("m", HASH, 8, 8, 9, NO_PREALLOC, lock=4),
        MapSpec("m", LPM_TRIE, 8, 8, 30, NO_PREALLOC),
        MapSpec("m", LPM_TRIE, 5, 5, 9, NO_PREALLOC),
    ],
    ids=lambda spec: f"{MAP_TYPES[spec.type].name}-{spec.key_size}-{spec.max_entries}-{spec.flags}-{spec.lock}",
)
def test_model_does_what_the_kernels_map_does(assemble, spec):
    rng = random.Random(str(spec))
    keys = map_keys(spec, rng)
    if spec.type in (LRU_HASH, LRU_PERCPU_HASH):
        keys = keys[:40]  # few, so that nothing is evicted
    # Evicted and deleted elements may be another's at once: bpf_mem_alloc gives out what it got back last.
    freed = spec.type in (LRU_HASH, LRU_PERCPU_HASH) or spec.flags & NO_PREALLOC
    model = MAP_TYPES[spec.type].model(spec)
    with LinuxOracle(assemble(program), {"m": spec}) as linux:
        for number in range(3000):
            frame = random_frame(rng, spec, keys)
            if freed:  # what a pointer from before an update or delete shows is not promised
                frame = frame[:16] + bytes(KEY) + frame[16 + KEY :]
            assert linux.run(frame).frame == with_model(model, spec, frame), f"frame {number}"
            if number % 100 == 0:
                assert linux.maps()["m"] == dict(model.items())
        entries = linux.maps()["m"]
        assert entries == dict(model.items())
        if spec.type == LPM_TRIE:
            assert list(entries) == [key for key, _ in model.items()]
