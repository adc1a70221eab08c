"""Programs that do to a map what the frame says, one for every map type, and the same operations by the host."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from c_programs import LICENSE, compiled
from hardpath.codegen.chain import with_slot
from hardpath.codegen.elf import select
from hardpath.codegen.flow import compile_program
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.base import listed_key_size
from hardpath.hdl.target import Target
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.captures import Frame
from hardpath.sim.control_client import Map
from hardpath.sim.linux import LinuxOracle
from hardpath.sim.session import Session
from map_keys import map_keys
from syscalls import errno_of

HEAD = """
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
struct value { __u32 a; %(lock)s __u32 b, c; %(more)s };
#define MAP(name, kind, keys, values) struct { __uint(type, BPF_MAP_TYPE_##kind); keys values \\
    __uint(max_entries, %(entries)s); __uint(map_flags, %(flags)s); } name SEC(".maps")
#define INNER(tag) struct tag { __uint(type, BPF_MAP_TYPE_HASH); __type(key, struct key); \\
    __type(value, struct value); __uint(max_entries, 6); }
#define OUTER(name, kind, tag) struct { __uint(type, BPF_MAP_TYPE_##kind); __type(key, __u32); \\
    __uint(max_entries, 3); __array(values, struct tag); } name SEC(".maps")
struct key { __u8 byte[%(key)s]; };
struct operation { __u8 code, result, flags, which; struct key key; struct { __u32 a, b, c; } value; }
    __attribute__((packed));
"""
LOOKED_UP = """
        %(begin)s
        o->value.a = found->a;
        o->value.b = found->b;
        o->value.c = found->c;
        found->a += 1;
        found->b ^= found->c;
        found->c += o->flags;
        %(change)s
        %(end)s
"""
BY_KEY = (
    """
static __always_inline void operate(void *map, struct operation *o)
{
    struct key key = o->key;
    struct value v = { .a = o->value.a, .b = o->value.b, .c = o->value.c }, *found;
    if (o->code == 1)
        o->result = bpf_map_update_elem(map, &key, &v, o->flags);
    else if (o->code == 2)
        o->result = bpf_map_delete_elem(map, &key);
    else if ((found = bpf_map_lookup_elem(map, &key))) {"""
    + LOOKED_UP
    + "}}"
)
KEYED = "MAP(m, %(kind)s, __type(key, struct key);, __type(value, struct value););" + BY_KEY
WHOLE = (
    """
MAP(m, %(kind)s, __type(key, struct key);, __type(value, struct value););
static __always_inline void operate(void *map, struct operation *o)
{
    __u32 length = 8 * sizeof(struct key) - 32;
    struct key key = o->key;
    struct value *found;
    __builtin_memcpy(&key, &length, 4);
    if ((found = bpf_map_lookup_elem(map, &key))) {"""
    + LOOKED_UP
    + "}}"
)
INDEXED = "MAP(m, %(kind)s, __type(key, __u32);, __type(value, struct value););" + BY_KEY
POSITIONED = """
MAP(m, %(kind)s,, __type(value, struct value););
static __always_inline void operate(void *map, struct operation *o)
{
    struct value v = { .a = o->value.a, .b = o->value.b, .c = o->value.c };
    if (o->code == 0)
        o->result = bpf_map_push_elem(map, &v, o->flags);
    else if (o->code == 1)
        o->result = bpf_map_pop_elem(map, &v);
    else
        o->result = bpf_map_peek_elem(map, &v);
    o->value.a = v.a;
    o->value.b = v.b;
    o->value.c = v.c;
}
"""
FILTER = """
MAP(m, BLOOM_FILTER,, __type(value, __u64););
static __always_inline void operate(void *map, struct operation *o)
{
    __u64 value = o->value.a;
    if (o->code == 0)
        o->result = bpf_map_push_elem(map, &value, o->flags & 1);
    else
        o->result = bpf_map_peek_elem(map, &value);
}
"""
NESTED = (
    'INNER(held); struct held first SEC(".maps"), second SEC(".maps");'
    "OUTER(m, %(kind)s, held) = { .values = { [0] = &first, [2] = &second } };"
    + BY_KEY
    + """
static __always_inline void choose(void *map, struct operation *o)
{
    __u32 which = o->which;
    void *inner = bpf_map_lookup_elem(map, &which);
    if (inner)
        operate(inner, o);
    else
        o->result = 0x55;
}
"""
)
REDIRECT = """
MAP(m, %(kind)s, __type(key, __u32);, __type(value, __u32););
"""
CHAIN = """
struct { __uint(type, BPF_MAP_TYPE_PROG_ARRAY); __uint(key_size, 4); __uint(value_size, 4);
    __uint(max_entries, 3); } m SEC(".maps");
MAP(counts, ARRAY, __type(key, __u32);, __type(value, __u64););
#define MARK(name, number, verdict) SEC("xdp") int name(struct xdp_md *ctx) { \\
    struct operation *o = (void *)(long)ctx->data + 8; __u32 index = number; __u64 *count; \\
    if ((void *)(o + 1) > (void *)(long)ctx->data_end) \\
        return XDP_DROP; \\
    if ((count = bpf_map_lookup_elem(&counts, &index))) \\
        o->value.b = ++*count; \\
    o->result = number; \\
    return verdict; }
MARK(left, 1, XDP_TX)
MARK(right, 2, XDP_PASS)
"""
PERF = """
struct { __uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY); __uint(key_size, 4); __uint(value_size, 4);
    __uint(max_entries, 2); } m SEC(".maps");
static __always_inline int tell(struct xdp_md *ctx, struct operation *o)
{
    struct value v = { .a = o->value.a, .b = o->value.b, .c = o->value.c };
    __u64 sample = o->code == 0 ? 0 : (__u64)(o->flags & 63) << 32;
    __u16 flags = o->flags;
    int result = bpf_perf_event_output(ctx, &m, o->which & 8 ? o->which & 3 : BPF_F_CURRENT_CPU | sample, &v, 9);
    if (o->code == 2)
        result += bpf_perf_event_output(ctx, &m, BPF_F_CURRENT_CPU, &flags, 2);
    return result;
}
"""
RING = """
MAP(m, RINGBUF,,);
static __always_inline int tell(struct xdp_md *ctx, struct operation *o)
{
    struct value v = { .a = o->value.a, .b = o->value.b, .c = o->value.c }, *record;
    int result = 0;
    if (o->code == 0 || o->which & 1)
        result = bpf_ringbuf_output(&m, &v, o->which & 2 ? 5 : 12, o->flags & 7);
    if (o->code == 1 || o->which & 4) {
        record = bpf_ringbuf_reserve(&m, sizeof(*record), 0);
        if (!record)
            return -2;
        *record = v;
        if (o->flags & 1)
            bpf_ringbuf_discard(record, 0);
        else
            bpf_ringbuf_submit(record, 0);
    }
    if (o->code == 2)
        result = bpf_ringbuf_query(&m, BPF_RB_AVAIL_DATA);
    return result;
}
"""
TAIL = """
SEC("xdp") int program(struct xdp_md *ctx)
{
    struct operation *o = (void *)(long)ctx->data + 8;
    if ((void *)(o + 1) > (void *)(long)ctx->data_end)
        return XDP_DROP;
    %(call)s;
    return XDP_TX;
}
"""
PLAIN = {"lock": "", "more": "", "begin": "", "change": "", "end": "", "key": "8", "entries": "12", "flags": "0"}
LOCK = {
    "lock": "struct bpf_spin_lock lock;",
    "begin": "bpf_spin_lock(&found->lock);",
    "end": "bpf_spin_unlock(&found->lock);",
}
WIDE = {"key": "64", "more": "__u32 more[61];", "change": "found->more[60] += o->value.b; found->more[0]++;"}
SEARCHED = "operate(&m, o)"
REDIRECTS = "return bpf_redirect_map(&m, *(__u32 *)&o->key, o->flags)"


@dataclass(frozen=True)
class Case:
    """A map type, or a variant of its hardware. ``maps``: those that the host changes, the last one in most operations.
    ``ii``: cycles between frames at least. ``host``: operations of the host in a turn, where Linux takes long for one.
    ``flags``: of frames."""

    kind: str
    body: str = KEYED
    call: str = SEARCHED
    more: dict[str, str] = field(default_factory=dict)
    maps: tuple[str, ...] = ("m",)
    ii: int = 1
    host: int | None = None
    flags: tuple[int, ...] = (0, 0, 0, 1, 2, 3, 4, 5, 6)

    @property
    def source(self) -> str:
        words = {**PLAIN, "kind": self.kind, "call": self.call, **self.more}
        return (HEAD + self.body + TAIL) % words + LICENSE

    @property
    def key_size(self) -> int:
        """Bytes of the key in a frame."""
        return int(self.more.get("key", PLAIN["key"]))


INDEX = {"key": "4"}
ALLOCATED = {"flags": "BPF_F_NO_PREALLOC"}
FEW_OF_MANY = {"entries": "256"}  # LRU maps: nothing is evicted
PATIENT = 84
APART = 8  # enough for tables of ranges
ACTIONS = (0, 1, 2, 3, 0, 1, 2, 3, 4, 8, 9, 16, 24, 26, 32)
CASES = {
    "array": Case("ARRAY", INDEXED, more=INDEX),
    "array_lock": Case("ARRAY", INDEXED, more={**INDEX, **LOCK}),
    "percpu_array": Case("PERCPU_ARRAY", INDEXED, more=INDEX),
    "hash": Case("HASH"),
    "hash_lock": Case("HASH", more=LOCK),
    "hash_alloc": Case("HASH", more={"key": "3", **ALLOCATED}),
    "hash_one": Case("HASH", more={"key": "1", "entries": "1"}),
    "hash_wide": Case("HASH", more=WIDE),
    "percpu_hash": Case("PERCPU_HASH"),
    "lru_hash": Case("LRU_HASH", more=FEW_OF_MANY),
    "lru_percpu_hash": Case("LRU_PERCPU_HASH", more=FEW_OF_MANY),
    "patient_hash": Case("HASH", ii=PATIENT),
    "patient_hash_lock": Case("HASH", more={**WIDE, **LOCK}, ii=10 * PATIENT),
    "patient_percpu_hash": Case("PERCPU_HASH", ii=PATIENT),
    "patient_lru_hash": Case("LRU_HASH", more=FEW_OF_MANY, ii=PATIENT),
    "lpm_trie": Case("LPM_TRIE", more=ALLOCATED),
    "lpm_ranges": Case("LPM_TRIE", WHOLE, more={"key": "20", **ALLOCATED}, ii=APART),
    "lpm_trie_long": Case("LPM_TRIE", more={"key": "40", **ALLOCATED}),
    "queue": Case("QUEUE", POSITIONED),
    "stack": Case("STACK", POSITIONED),
    "bloom_filter": Case("BLOOM_FILTER", FILTER, more={"entries": "4096"}),
    "devmap": Case("DEVMAP", REDIRECT, REDIRECTS, INDEX, flags=ACTIONS),
    "devmap_hash": Case("DEVMAP_HASH", REDIRECT, REDIRECTS, INDEX, flags=ACTIONS),
    "cpumap": Case("CPUMAP", REDIRECT, REDIRECTS, {**INDEX, "entries": "2"}, host=20, flags=ACTIONS),
    "xskmap": Case("XSKMAP", REDIRECT, REDIRECTS, INDEX, host=20, flags=ACTIONS),
    "prog_array": Case("PROG_ARRAY", CHAIN, "bpf_tail_call(ctx, &m, *(__u32 *)&o->key)", {**INDEX, "entries": "4"}),
    "array_of_maps": Case("ARRAY_OF_MAPS", NESTED, "choose(&m, o)", maps=("m", "first", "second"), host=100),
    "hash_of_maps": Case("HASH_OF_MAPS", NESTED, "choose(&m, o)", maps=("m", "first", "second"), host=100),
    "perf_event_array": Case("PERF_EVENT_ARRAY", PERF, "o->result = tell(ctx, o)", maps=()),
    "ringbuf": Case("RINGBUF", RING, "o->result = tell(ctx, o)", {"entries": "4096"}, maps=()),
}


def session(case: Case, folder: Path) -> Session:
    """The program in hardware."""
    spec = compiled(case.source, folder)
    for index in range(spec.maps["m"].max_entries if case.body == CHAIN else 0):
        spec = with_slot(spec, "m", index, ("left", "right"))
    return Session(compile_program(spec, select(spec, "program"), Target(ii=case.ii)))


DEVMAP, CPUMAP, XSKMAP, DEVMAP_HASH, BLOOM_FILTER = 14, 16, 17, 25, 30
PER_CPU = (5, 6, 10)
INTERFACES = 31


class Operations:
    """Random ones, for frames and the host; half of the keys are few, so that they meet."""

    def __init__(self, case: Case, maps: Mapping[str, MapSpec], rng: random.Random) -> None:
        self.case, self.rng = case, rng
        self._specs = {name: maps[name] for name in case.maps}
        self._keys = {name: _keys(spec, rng) for name, spec in self._specs.items()}
        self.begin()

    def begin(self) -> None:
        """A turn begins: other values for a bloom filter, which never forgets."""
        self._values = [self.rng.getrandbits(32) for _ in range(8)]

    def _key(self, name: str) -> bytes:
        keys = self._keys[name]
        return self.rng.choice(keys[:3] if self.rng.random() < 0.5 else keys)

    def _value(self, name: str, key: bytes) -> bytes:
        """Bytes that the host may write behind a key; none that only Linux takes (one interface twice in a map to which
        is broadcast, say)."""
        spec, rng = self._specs[name], self.rng
        if spec.table is not None:
            return rng.choice(spec.table.numbers).to_bytes(4, "little")
        some = {
            DEVMAP: (0, *[1 + self._keys[name].index(key) % INTERFACES] * 3),
            CPUMAP: (0, 1, 64, 16385),
            XSKMAP: (0, 1, 2, 3),
            BLOOM_FILTER: self._values,
        }
        some[DEVMAP_HASH] = some[DEVMAP]
        if spec.type in some:
            return rng.choice(some[spec.type]).to_bytes(spec.value_size, "little")
        return rng.randbytes(spec.value_size)

    def frame(self) -> Frame:
        """One that operates on the map."""
        case, rng = self.case, self.rng
        head = rng.randbytes(8) + bytes((rng.randrange(3), 0xEE, rng.choice(case.flags), rng.randrange(16)))
        key = self._key(case.maps[-1]) if case.maps else b""
        value = rng.randbytes(12)
        if case.body == FILTER:
            value = rng.choice(self._values).to_bytes(12, "little")
        if case.body == NESTED:
            head = head[:11] + rng.choice((0, 0, 1, 1, 2, 3)).to_bytes(1, "little")
        return Frame(head + key.ljust(case.key_size, b"\0") + value + rng.randbytes(6))

    def of_the_host(self) -> tuple[str, str, bytes, bytes, int]:
        """What it does: operation (update, delete or lookup), map, key, value and flags."""
        rng = self.rng
        name = rng.choice((self.case.maps[0], *self.case.maps[1:] * 4))
        key = self._key(name)
        operation = rng.choice(("update", "update", "delete", "lookup"))
        return operation, name, key, self._value(name, key), rng.choice((0, 0, 1, 2, 3, 4, 5, 6, 7))


def _keys(spec: MapSpec, rng: random.Random) -> list[bytes]:
    if spec.table is not None:
        return [number.to_bytes(4, "little") for number in range(spec.max_entries + 2)]
    return map_keys(spec, rng)[:24]


def on_hardware(found: Map, operation: str, key: bytes, value: bytes, flags: int, spec: MapSpec) -> object:
    """What comes out: 0 or a negative errno; of a lookup (and of a delete without a key, which takes) the value or
    None, or whether a bloom filter has it."""
    if operation == "update":
        return found.update(key, value, flags)
    if operation == "delete":
        return found.delete(key) if spec.key_size or spec.type == BLOOM_FILTER else found.pop()
    if spec.type == BLOOM_FILTER:
        return found.holds(value)
    return found.lookup(key) if spec.key_size else found.peek()


def on_linux(
    linux: LinuxOracle, name: str, operation: str, key: bytes, value: bytes, flags: int, spec: MapSpec
) -> object:
    """The same there."""
    if operation == "update":
        return errno_of(linux.set_map, name, key or bytes(listed_key_size(spec)), value, flags)
    if operation == "delete":
        if spec.key_size or spec.type == BLOOM_FILTER:
            return errno_of(linux.delete, name, key)
        return bpf.map_pop(linux.descriptor(name), spec.value_size)
    if spec.type == BLOOM_FILTER:
        return bpf.map_holds(linux.descriptor(name), value)
    if spec.type in (*PER_CPU, XSKMAP) or spec.table is not None:
        return linux.maps()[name].get(key)
    return bpf.map_lookup(linux.descriptor(name), key, spec.value_size)
