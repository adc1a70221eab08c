"""The maps of generated programs: small ones with few keys, so that frames meet the same entries and maps get full."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping

from hardpath.codegen.inner_maps import settled
from hardpath.codegen.spec import MapSpec, ObjectSpec

PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS = 3, 12, 13
HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY, LRU_HASH, LRU_PERCPU_HASH = 1, 2, 5, 6, 9, 10
LPM_TRIE, QUEUE, STACK = 11, 22, 23
PERF_EVENT_ARRAY, RINGBUF = 4, 27
DEVMAP, CPUMAP, XSKMAP, DEVMAP_HASH = 14, 16, 17, 25
PER_CPU = (PERCPU_ARRAY, PERCPU_HASH, LRU_PERCPU_HASH)
NO_PREALLOC = 1

LOCK = 4  # bytes of a value in front of its lock

ARRAYS = ("array", "percpu_array")
HASHES = ("hash", "hash8", "percpu_hash", "lru", "lru_percpu")
WRITABLE = ("array", "percpu_array", *HASHES)
QUEUES = ("queue", "stack")
GLOBALS = (".data", ".bss", ".rodata")
ARRAYS_OF_PROGRAMS = ("programs", "more_programs")
"""The first program goes on with what is in the first one; what is there, with what is in the second."""
INNER = ("inner_a", "inner_b")
"""Alike; what is in slots 0 and 2 of the map ``outer``."""
REDIRECTS = ("devmap", "devmap_hash", "cpumap", "xskmap")


def random_maps(rng: random.Random) -> dict[str, MapSpec]:
    """One of each kind, of random sizes."""

    def value() -> int:
        return rng.choice((1, 2, 4, 6, 8, 8, 12, 16, 20, 24))

    flags = rng.choice((0, NO_PREALLOC))
    specs = [
        MapSpec("array", ARRAY, 4, value(), rng.choice((1, 3, 4))),
        MapSpec("percpu_array", PERCPU_ARRAY, 4, rng.choice((4, 8, 16)), 2),
        MapSpec("hash", HASH, rng.choice((1, 2, 4, 4, 6, 8, 16)), value(), rng.choice((2, 4, 64)), flags=flags),
        MapSpec("hash8", HASH, 8, 16, 8),
        MapSpec("percpu_hash", PERCPU_HASH, 4, rng.choice((4, 8, 16)), rng.choice((2, 4, 64)), flags=flags),
        # as few keys as there are leave an LRU map room: which entry it evicts is not promised
        MapSpec("lru", LRU_HASH, 4, rng.choice((4, 8, 16)), 128),
        MapSpec("lru_percpu", LRU_PERCPU_HASH, 8, 8, 128),
        MapSpec("queue", QUEUE, 0, rng.choice((4, 8, 12, 20)), rng.choice((1, 3, 8))),
        MapSpec("stack", STACK, 0, rng.choice((4, 8, 12, 20)), rng.choice((1, 3, 8))),
        MapSpec("lpm", LPM_TRIE, 4 + rng.choice((1, 2, 4)), rng.choice((4, 8, 12)), 16, flags=NO_PREALLOC),
        MapSpec(".data", ARRAY, 4, 32, 1, initial=rng.randbytes(32)),
        MapSpec(".bss", ARRAY, 4, 16, 1, initial=bytes(16)),
        MapSpec(".rodata", ARRAY, 4, 24, 1, initial=rng.randbytes(24), readonly=True),
        MapSpec("devmap", DEVMAP, 4, rng.choice((4, 8)), rng.choice((1, 5, 8))),
        MapSpec("devmap_hash", DEVMAP_HASH, 4, rng.choice((4, 8)), rng.choice((2, 8))),
        MapSpec("cpumap", CPUMAP, 4, rng.choice((4, 8)), min(2, os.cpu_count() or 1)),
        MapSpec("perf", PERF_EVENT_ARRAY, 4, 4, 2),
        MapSpec("ring", RINGBUF, 0, 0, 4096),
        MapSpec("xskmap", XSKMAP, 4, 4, rng.choice((1, 4))),
        MapSpec("locked", rng.choice((ARRAY, HASH)), 4, 24, 4, lock=LOCK),
        MapSpec("text", ARRAY, 4, 18, 1, initial=b"\0ab\0\xff\0longer text\0", readonly=True),
    ]
    specs += [MapSpec(name, PROG_ARRAY, 4, 4, rng.choice((2, 3))) for name in ARRAYS_OF_PROGRAMS]
    shape = rng.choice((ARRAY, HASH)), 4, rng.choice((4, 8, 12)), rng.choice((2, 4))
    specs += [MapSpec(name, *shape) for name in INNER]
    outer = MapSpec("outer", rng.choice((ARRAY_OF_MAPS, HASH_OF_MAPS)), 4, 4, 3, slots={0: INNER[0], 2: INNER[1]})
    return {**settled(ObjectSpec("fuzz.o", (), {spec.name: spec for spec in (*specs, outer)})).maps}


def buffers(maps: Mapping[str, MapSpec]) -> list[str]:
    """The maps whose contents are events."""
    return [name for name, spec in maps.items() if spec.type in (PERF_EVENT_ARRAY, RINGBUF)]


def random_contents(rng: random.Random, maps: Mapping[str, MapSpec]) -> dict[str, dict[bytes, bytes]]:
    """Entries of maps that only the host fills, such that Linux takes them on any machine."""
    contents: dict[str, dict[bytes, bytes]] = {}
    for name in REDIRECTS:
        if name in maps:
            spec, entries = maps[name], {}
            ports = rng.sample(range(1, 32), spec.max_entries)  # each once, since frames may be broadcast to them
            for index in range(spec.max_entries):
                value = {CPUMAP: rng.randint(1, 64), XSKMAP: rng.getrandbits(31) | 1}.get(
                    spec.type, ports[index]
                )
                if rng.random() < 0.7:
                    entries[index.to_bytes(4, "little")] = value.to_bytes(spec.value_size, "little")
            contents[name] = entries
    if "lpm" in maps:
        contents["lpm"] = _prefixes(rng, maps["lpm"])
    return contents


def _prefixes(rng: random.Random, spec: MapSpec) -> dict[bytes, bytes]:
    """Prefixes of all lengths, many of one another."""
    bits, entries, data = 8 * (spec.key_size - 4), {}, 0
    for _ in range(rng.randint(0, spec.max_entries)):
        if rng.random() < 0.4:
            data = rng.getrandbits(bits) & rng.getrandbits(bits)
        length = rng.randint(0, bits)
        prefix = data >> (bits - length) << (bits - length)
        key = length.to_bytes(4, "little") + prefix.to_bytes(bits // 8, "big")
        entries[key] = rng.randbytes(spec.value_size)
    return entries
