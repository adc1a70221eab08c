"""Keys for random operations on a map: few enough that operations meet, and some that the map does not take."""

from __future__ import annotations

import random

from hardpath.codegen.spec import MapSpec

ARRAY, PERCPU_ARRAY, LPM_TRIE, DEVMAP, CPUMAP, XSKMAP = 2, 6, 11, 14, 16, 17


def map_keys(spec: MapSpec, rng: random.Random) -> list[bytes]:
    """As many as twice the entries, all indexes and two more, or one of no bytes for maps without keys."""
    if not spec.key_size:
        return [b""]
    if spec.type in (ARRAY, PERCPU_ARRAY, DEVMAP, CPUMAP, XSKMAP):
        return [i.to_bytes(4, "little") for i in (*range(spec.max_entries), spec.max_entries, 1 << 31)]
    if spec.type == LPM_TRIE:
        return prefixes(spec, rng, 2 * spec.max_entries + 6)
    return [rng.randbytes(spec.key_size) for _ in range(2 * spec.max_entries)]


def prefixes(spec: MapSpec, rng: random.Random, count: int) -> list[bytes]:
    """Keys of a trie of all lengths, some too long. Their bits differ little from one to the next, so that many are
    prefixes of others."""
    bits = 8 * (spec.key_size - 4)
    data = rng.getrandbits(bits)
    keys = []
    for _ in range(count):
        length = rng.choice((0, bits - 1, bits, bits + 1, 1 << 31, *[rng.randrange(bits)] * 10))
        data = rng.choice((data, data ^ 1 << rng.randrange(bits), data ^ rng.getrandbits(rng.randrange(1, bits))))
        keys.append(length.to_bytes(4, "little") + data.to_bytes(bits // 8, "big"))
    return keys
