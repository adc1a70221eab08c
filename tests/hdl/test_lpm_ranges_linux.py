"""Tables of ranges (`hdl.maps.lpm_range_unit`) against the running kernel's own trie, long keys included."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.linux import BPF_ANY, BPF_EXIST, BPF_NOEXIST, EEXIST, EINVAL, ENOENT, ENOSPC
from hardpath.hdl.maps.lpm_range_unit import LpmRangeUnit, is_applicable
from hardpath.hdl.maps.lpm_ranges import Ranges
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.trie import Trie
from hardpath.hdl.maps.unit import HostOp
from hardpath.sim import bpf_syscall as bpf
from hardpath.sim.linux import available
from map_bench import LPM_TRIE, NO_PREALLOC
from map_device import Device, some_kind
from syscalls import errno_of

pytestmark = [
    pytest.mark.linux,
    pytest.mark.skipif(available() is not None, reason=str(available())),
]

LENGTH_BYTES, VALUE_BYTES = 4, 8


@contextmanager
def kernel_map(spec: MapSpec) -> Iterator[int]:
    descriptor = bpf.map_create(
        spec.type, spec.key_size, spec.value_size, spec.max_entries, spec.flags, spec.name
    )
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def listed(descriptor: int, spec: MapSpec) -> dict[bytes, bytes | None]:
    found: dict[bytes, bytes | None] = {}
    key = bpf.map_next_key(descriptor, None, spec.key_size)
    while key is not None:
        found[key] = bpf.map_lookup(descriptor, key, spec.value_size)
        key = bpf.map_next_key(descriptor, key, spec.key_size)
    return found


class Prefixes:
    """Those that are tried: around and beside each other, some the same but for bits that do not count."""

    def __init__(self, bits: int, rng: random.Random) -> None:
        self.bits, self._rng = bits, rng
        self._paths = [0, (1 << bits) - 1, rng.getrandbits(bits)]
        self._lengths = [0, 1, bits - 1, bits, *(rng.randrange(bits) for _ in range(2))]
        self.tried: set[bytes] = set()

    def same(self, key: bytes) -> bytes:
        """The same prefix, with other bits behind it."""
        free = (1 << self.bits - int.from_bytes(key[:LENGTH_BYTES], "little")) - 1
        data = int.from_bytes(key[LENGTH_BYTES:], "big") ^ self._rng.getrandbits(self.bits) & free
        return key[:LENGTH_BYTES] + data.to_bytes(self.bits // 8, "big")

    def next(self) -> bytes:
        bits, rng = self.bits, self._rng
        length = rng.choice(self._lengths)
        data = rng.choice(self._paths) ^ rng.choice((0, 0, 0, 1 << rng.randrange(bits)))
        key = self.same(length.to_bytes(LENGTH_BYTES, "little") + data.to_bytes(bits // 8, "big"))
        self.tried.add(key)
        return key

    def too_long(self) -> bytes:
        length = self._rng.choice((self.bits + 1, 1 << 31))
        return length.to_bytes(LENGTH_BYTES, "little") + self._rng.randbytes(self.bits // 8)

    def borders(self) -> list[int]:
        """The first and the last key of each, and their neighbours outside."""
        found = set()
        for key in self.tried:
            free = (1 << self.bits - int.from_bytes(key[:LENGTH_BYTES], "little")) - 1
            start = int.from_bytes(key[LENGTH_BYTES:], "big") & ~free
            found |= {start - 1, start, start | free, (start | free) + 1}
        return sorted(key for key in found if 0 <= key < 1 << self.bits)


def steps(
    prefixes: Prefixes, rng: random.Random, spec: MapSpec, kernel: int, count: int
) -> Iterator[tuple[HostOp, bytes, int]]:
    """Operations with their flags: some with every result that there is, then random ones that fill the map and empty
    it in turns, which they see in the kernel's."""
    whole = prefixes.bits.to_bytes(LENGTH_BYTES, "little")
    first = (0).to_bytes(LENGTH_BYTES, "little") + rng.randbytes(prefixes.bits // 8)
    yield from ((op, prefixes.too_long(), 0) for op in (HostOp.UPDATE, HostOp.DELETE))
    yield from ((HostOp.UPDATE, first, flags) for flags in (BPF_EXIST, BPF_EXIST + 1, BPF_NOEXIST))
    yield from ((HostOp.UPDATE, prefixes.same(first), flags) for flags in (BPF_NOEXIST, BPF_EXIST))
    fills = True
    for _ in range(count):
        held = list(listed(kernel, spec))
        if fills and len(held) == spec.max_entries:  # one too many
            yield HostOp.UPDATE, whole + rng.randbytes(prefixes.bits // 8), BPF_ANY
        fills = len(held) < spec.max_entries if fills else len(held) < 2
        key = prefixes.same(rng.choice(held)) if held and rng.random() < 0.4 else prefixes.next()
        if rng.random() < (0.1 if fills else 0.6):
            yield HostOp.DELETE, key, 0
        else:
            yield HostOp.UPDATE, key, rng.choice((BPF_ANY, BPF_ANY, BPF_ANY, BPF_NOEXIST, BPF_EXIST))


async def searched(device: Device, keys: Sequence[int]) -> list[int | None]:
    """What lookups of whole keys find, frames being as close as they may: entries' numbers."""
    ctx, (site,) = device.ctx, device.unit.sites
    latency, gap = device.unit.kinds[0].latency, device.unit.ranges.steps + 1
    size = device.spec.key_size - LENGTH_BYTES
    found: list[int | None] = []
    ctx.set(site.enable, (1 << latency + 1) - 1)
    for cycle in range(gap * (len(keys) - 1) + latency + 1):
        entered, since = divmod(cycle, gap)
        if since == 0 and entered < len(keys):
            ctx.set(site.operands.data, int.from_bytes(keys[entered].to_bytes(size, "big"), "little"))
        inside = [cycle - gap * number for number in range(len(keys)) if 0 <= cycle - gap * number <= latency]
        ctx.set(site.valid, sum(1 << offset for offset in inside))
        assert not ctx.get(site.stall)
        if latency in inside:
            found.append(ctx.get(site.results.address) if ctx.get(site.results.found) else None)
        await ctx.tick()
    ctx.set(site.valid, 0)
    return found


def compare(bits: int, entries: int, operations: int, every: int, asked_at_once: int) -> None:
    spec = MapSpec("m", LPM_TRIE, LENGTH_BYTES + bits // 8, VALUE_BYTES, entries, NO_PREALLOC)
    rng = random.Random(bits)
    prefixes, seen, most = Prefixes(bits, rng), set[tuple[HostOp, int]](), 0
    whole = bits.to_bytes(LENGTH_BYTES, "little")
    device = Device(spec)
    # Results as early as they can be: all that comes after is that they go on with their frame.
    kind = some_kind(spec)
    assert is_applicable(spec, [kind], 64)
    last = Ranges(Trie.of(spec)).steps
    early = replace(kind, latency=last + 1, touch=(0, last))
    device.unit = LpmRangeUnit(spec, [early], MAP_TYPES[LPM_TRIE].layout(spec), Trie.of(spec))

    async def testbench(device: Device) -> None:
        nonlocal most
        for number, (op, key, flags) in enumerate(steps(prefixes, rng, spec, kernel, operations), 1):
            value = rng.randbytes(VALUE_BYTES)
            if op == HostOp.DELETE:
                wanted = errno_of(bpf.map_delete, kernel, key)
            else:
                wanted = errno_of(bpf.map_update, kernel, key, value, flags)
            assert (await device(op, key, value, flags))[0] == wanted, f"{op.name} of {key.hex()}, flags {flags}"
            seen.add((op, wanted))
            asked = prefixes.next()  # not the whole key always
            status, _, found = await device(HostOp.LOOKUP, asked)
            assert (found if status == 0 else None) == bpf.map_lookup(kernel, asked, VALUE_BYTES)
            contents = listed(kernel, spec)
            most = max(most, len(contents))
            if number % every == 0:
                assert await device.entries() == contents
                borders = prefixes.borders()
                keys = rng.sample(borders, min(len(borders), asked_at_once))
                theirs = [bpf.map_lookup(kernel, whole + key.to_bytes(bits // 8, "big"), VALUE_BYTES) for key in keys]
                values: dict[int | None, bytes | None] = {None: None}
                for entry in range(entries):
                    values[entry] = (await device(HostOp.ENTRY, index=entry))[2]
                assert [values[each] for each in await searched(device, keys)] == theirs
                prefixes.tried = set(contents)

    with kernel_map(spec) as kernel:
        device.run(testbench)
    assert most == entries
    results = {HostOp.UPDATE: {0, -ENOENT, -EEXIST, -EINVAL, -ENOSPC}, HostOp.DELETE: {0, -ENOENT, -EINVAL}}
    assert seen == {(op, status) for op, statuses in results.items() for status in statuses}


@pytest.mark.parametrize("bits, entries, operations", [(128, 3, 30), (256, 2, 12)])
def test_long_keys_find_what_they_find_in_linux(bits: int, entries: int, operations: int) -> None:
    compare(bits, entries, operations, 9, 8)


@pytest.mark.slow
@pytest.mark.parametrize("bits, entries, operations", [(32, 10, 150), (128, 5, 60)])
def test_keys_of_all_sizes_find_what_they_find_in_linux(bits: int, entries: int, operations: int) -> None:
    compare(bits, entries, operations, 20, 40)
