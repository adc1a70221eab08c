"""Damaged ELF objects: cut off, bits flipped, fields replaced by the values that hurt most."""

from __future__ import annotations

import random

SECTION_HEADERS = slice(0x28, 0x30)  # e_shoff; they lie at the end of what clang writes


def damage(rng: random.Random, contents: bytes) -> bytes:
    """A damaged copy of an object."""
    data = bytearray(contents)
    kind = rng.choice(["cut", "bits", "field", "header", "block"])
    if kind == "cut":
        return bytes(data[: rng.randrange(len(data))])
    for _ in range(rng.choice([1, 1, 1, 2, 8, 64])):
        if kind == "bits":
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        elif kind == "block":
            start = rng.randrange(len(data) - 16)
            data[start : start + 16] = rng.randbytes(16)
        else:
            width = rng.choice([1, 2, 4, 8])
            table = int.from_bytes(contents[SECTION_HEADERS], "little")
            start = rng.randrange(table if kind == "header" else 0, len(data) - 8)
            values = [0, 1, (1 << 8 * width) - 1, 1 << 8 * width - 1, rng.getrandbits(4), len(data)]
            value = rng.choice(values) & (1 << 8 * width) - 1
            data[start : start + width] = value.to_bytes(width, "little")
    return bytes(data)
