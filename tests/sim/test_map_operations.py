"""Random operations on one map, by frames and by the host in turns: hardware and Linux agree on every single one.

Each turn begins with what is in the map, then come operations of the host, frames back to back, and operations of the
host again. The hardware gets the contents anew in every turn, in Linux the map stays.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from c_programs import compiled, needs_clang, needs_headers
from hardpath.codegen.elf import select
from hardpath.codegen.flow import compile_program
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.table import Table
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.captures import Frame
from hardpath.sim.control_client import Map
from hardpath.sim.engine import Bus, Options
from hardpath.sim.linux import LinuxOracle, available
from hardpath.sim.session import Session, engine
from hardpath.sim.toolchain import has_compiler
from map_keys import map_keys
from syscalls import errno_of

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
    needs_clang,
    needs_headers,
    pytest.mark.skipif(not has_compiler(), reason="Verilator needs a C++ compiler"),
]

FRAME = 40
SOURCE = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct value { __u32 a; %(lock)s __u32 b, c; };
struct { __uint(type, BPF_MAP_TYPE_%(kind)s); %(key)s __type(value, struct value);
    __uint(max_entries, %(entries)s); __uint(map_flags, %(flags)s); } m SEC(".maps");
struct operation { __u8 code, result, flags, pad; struct { __u32 word[2]; } key; struct { __u32 a, b, c; } value; };
static __always_inline void with_keys(struct operation *o, int change)
{
    struct value v = { .a = o->value.a, .b = o->value.b, .c = o->value.c }, *found;
    if (change && o->code == 1)
        o->result = bpf_map_update_elem(&m, &o->key, &v, o->flags);
    else if (change && o->code == 2)
        o->result = bpf_map_delete_elem(&m, &o->key);
    else if ((found = bpf_map_lookup_elem(&m, &o->key))) {
        %(begin)s
        o->value.a = found->a;
        o->value.b = found->b;
        o->value.c = found->c;
        found->a += 1;
        found->b ^= found->c;
        found->c += o->flags;
        %(end)s
    }
}
static __always_inline void without_keys(struct operation *o)
{
    struct value v = { .a = o->value.a, .b = o->value.b, .c = o->value.c };
    if (o->code == 0)
        o->result = bpf_map_push_elem(&m, &v, o->flags);
    else if (o->code == 1)
        o->result = bpf_map_pop_elem(&m, &v);
    else
        o->result = bpf_map_peek_elem(&m, &v);
    o->value.a = v.a;
    o->value.b = v.b;
    o->value.c = v.c;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    struct operation *o = (void *)(long)ctx->data + 8;
    if ((void *)(o + 1) > (void *)(long)ctx->data_end)
        return XDP_DROP;
    %(call)s;
    return XDP_TX;
}
char _license[] SEC("license") = "GPL";
"""
KEY = "__type(key, __u%d);"
LOCK = {
    "lock": "struct bpf_spin_lock lock;",
    "begin": "bpf_spin_lock(&found->lock);",
    "end": "bpf_spin_unlock(&found->lock);",
}
PLAIN = {"lock": "", "key": "", "begin": "", "end": "", "entries": "12", "flags": "0", "call": "with_keys(o, 1)"}
CASES = {
    "array": {"kind": "ARRAY", "key": KEY % 32},
    "array_lock": {"kind": "ARRAY", "key": KEY % 32, **LOCK},
    "hash": {"kind": "HASH", "key": KEY % 64},
    "hash_lock": {"kind": "HASH", "key": KEY % 64, **LOCK},
    "hash_alloc": {"kind": "HASH", "key": KEY % 32, "flags": "BPF_F_NO_PREALLOC"},
    "lpm_trie": {"kind": "LPM_TRIE", "key": KEY % 64, "flags": "BPF_F_NO_PREALLOC"},
    "queue": {"kind": "QUEUE", "call": "without_keys(o)"},
    "stack": {"kind": "STACK", "call": "without_keys(o)"},
}


def session(case: dict[str, str], folder: Path) -> Session:
    spec = compiled(SOURCE % {**PLAIN, **case}, folder)
    return Session(compile_program(spec, select(spec, None, None)))


class Operations:
    """Random ones; half of the keys are few, so that frames and host meet."""

    def __init__(self, spec: MapSpec, rng: random.Random) -> None:
        self.spec, self.rng = spec, rng
        self.keys = map_keys(spec, rng)

    def key(self) -> bytes:
        rng, hot = self.rng, self.keys[:3]
        return rng.choice(hot if rng.random() < 0.5 else self.keys)

    def frame(self) -> Frame:
        code, flags = self.rng.randrange(3), self.rng.choice((0, 0, 0, 1, 2, 3, 4, 5, 6))
        head = self.rng.randbytes(8) + bytes((code, 0xEE, flags, 0))
        return Frame((head + self.key().ljust(8, b"\0")).ljust(FRAME, b"\0")[:20] + self.rng.randbytes(FRAME - 20))

    def of_the_host(self, hardware: Map, linux: int, count: int) -> None:
        """Do the same to both; what they answer is the same."""
        for _ in range(count):
            operation = self.rng.choice((self._update, self._update, self._delete, self._lookup))
            operation(hardware, linux, self.key())

    def _update(self, hardware: Map, linux: int, key: bytes) -> None:
        value, flags = self.rng.randbytes(self.spec.value_size), self.rng.choice((0, 0, 1, 2, 3, 4, 5, 6, 7))
        assert hardware.update(key, value, flags) == errno_of(bpf.map_update, linux, key, value, flags)

    def _delete(self, hardware: Map, linux: int, key: bytes) -> None:
        if key:
            assert hardware.delete(key) == errno_of(bpf.map_delete, linux, key)
        else:
            assert hardware.pop() == bpf.map_pop(linux, self.spec.value_size)

    def _lookup(self, hardware: Map, linux: int, key: bytes) -> None:
        found = hardware.lookup(key) if key else hardware.peek()
        assert found == bpf.map_lookup(linux, key, self.spec.value_size)


def take_turns(case: dict[str, str], folder: Path, turns: int, frames: int, by_host: int) -> None:
    made = session(case, folder)
    spec, rng = made.maps["m"], random.Random(str(case))
    operations = Operations(spec, rng)
    seen: set[tuple[bytes, bool]] = set()
    with LinuxOracle(made.design.program, made.maps) as linux:
        for turn in range(turns):
            sent, contents = [operations.frame() for _ in range(frames)], linux.maps()["m"]
            expected: list[bytes] = []

            def before(bus: Bus, contents: dict[bytes, bytes] = contents) -> None:
                hardware = bus.client.maps["m"]
                assert not any(hardware.update_many(contents.items()))
                operations.of_the_host(hardware, linux.descriptor("m"), by_host)

            def after(bus: Bus, expected: list[bytes] = expected, sent: list[Frame] = sent) -> None:
                hardware = bus.client.maps["m"]
                expected += [linux.run(frame.data).frame for frame in sent]
                operations.of_the_host(hardware, linux.descriptor("m"), by_host)
                assert dict(hardware.items()) == linux.maps()["m"]

            options = Options(frames_out=folder / "frames.jsonl")
            result = engine("verilator").run(made.netlist, sent, options, before, after)
            for number, (got, wanted) in enumerate(zip(result.results(), expected, strict=True)):
                assert got.out == wanted, f"turn {turn}, frame {number}: {sent[number].data.hex()}"
                seen.add((wanted[8:10], wanted[20:] != sent[number].data[20:]))
    assert len(seen) > 3  # several results of several operations


@pytest.mark.parametrize("name", ["hash_lock", "lpm_trie", "queue"])
def test_hardware_and_linux_agree_on_every_operation(name: str, tmp_path: Path) -> None:
    take_turns(CASES[name], tmp_path, 3, 200, 40)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_hardware_and_linux_agree_on_fifty_thousand_operations(name: str, tmp_path: Path) -> None:
    take_turns(CASES[name], tmp_path, 50, 600, 200)


UPDATE, DELETE, COUNT = 1, 2, 0
NOEXIST = 1


def keys_with_the_same_buckets(spec: MapSpec, count: int) -> list[bytes]:
    """More than the two buckets have slots for, so that some overflow."""
    table, rng = Table.of(spec), random.Random(7)
    found: list[bytes] = []
    while len(found) < count:
        key = rng.randbytes(spec.key_size)
        number = int.from_bytes(key, "little")
        if table.bucket(0, number) == table.bucket(1, number) == 1:
            found.append(key)
    return found


def storm(name: str, spec: MapSpec, count: int) -> tuple[list[Frame], float]:
    """Frames back to back, and how many cycles they may take each."""
    rng = random.Random(name)
    one, other = bytes(spec.key_size), rng.randbytes(spec.key_size)
    together = keys_with_the_same_buckets(spec, spec.max_entries)
    choices = {
        "one_key": ([one], [COUNT], 1.01),
        "two_keys": ([one, other], [COUNT], 1.01),
        "colliding_keys": (together, [COUNT, COUNT, UPDATE, DELETE], 3),
        "insert_and_delete": ([one], [UPDATE, DELETE, COUNT, UPDATE, COUNT, DELETE, DELETE], 4),
    }
    keys, codes, most = choices[name]
    frames = []
    for number in range(count):
        key = keys[number % len(keys)] if len(keys) < 3 else rng.choice(keys)
        code = UPDATE if number < len(keys) and len(codes) == 1 else codes[number % len(codes)]
        flags = NOEXIST if code == UPDATE else 0
        value = rng.randbytes(12)
        frames.append(Frame((bytes(8) + bytes((code, 0xEE, flags, 0)) + key + value).ljust(FRAME, b"\0")))
    return frames, most


@pytest.fixture(scope="module")
def hash_map(tmp_path_factory: pytest.TempPathFactory) -> Session:
    return session(CASES["hash"], tmp_path_factory.mktemp("storm"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["one_key", "two_keys", "colliding_keys", "insert_and_delete"])
def test_a_hundred_thousand_conflicts_at_line_rate_are_those_of_linux(
    name: str, hash_map: Session, tmp_path: Path
) -> None:
    """Nothing lost, nothing reordered; and no more cycles than reported (for colliding keys: than a walk takes)."""
    spec = hash_map.maps["m"]
    frames, most = storm(name, spec, 100_000)
    contents: dict[bytes, bytes] = {}

    def after(bus: Bus) -> None:
        contents.update(bus.client.maps["m"].items())

    options = Options(frames_out=tmp_path / "frames.jsonl")
    result = engine("verilator").run(hash_map.netlist, frames, options, None, after)
    with LinuxOracle(hash_map.design.program, hash_map.maps) as linux:
        for number, got in enumerate(result.results()):
            assert got.out == linux.run(frames[number].data).frame, f"frame {number}"
        assert number == len(frames) - 1
        assert contents == linux.maps()["m"]
    assert result.cycles_per_frame is not None and result.cycles_per_frame <= most
    reported = max(hazard.cost for hazard in hash_map.design.pipeline.hazards)
    assert name == "colliding_keys" or result.stalls["m interlock"] <= reported * len(frames)
