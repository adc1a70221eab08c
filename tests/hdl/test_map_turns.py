"""What map units promise of the host's turn, and what a reset leaves of a map."""

from __future__ import annotations

import random

import pytest
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.broadcast import BROADCAST
from hardpath.hdl.maps.linux import BPF_F_NO_PREALLOC
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.unit import HostOp
from map_device import SPEEDS, Device
from map_keys import map_keys

ARRAY, HASH, LRU_HASH, LPM_TRIE, DEVMAP, DEVMAP_HASH, QUEUE = 2, 1, 9, 11, 14, 25, 22

SPECS = {
    "array": MapSpec("m", ARRAY, 4, 100, 3),
    "hash": MapSpec("m", HASH, 4, 130, 16),
    "lru_hash-1": MapSpec("m", LRU_HASH, 4, 8, 1),
    "lru_hash-4": MapSpec("m", LRU_HASH, 4, 8, 4),
    "lru_hash-64": MapSpec("m", LRU_HASH, 8, 130, 64),
    "patient hash": MapSpec("m", HASH, 4, 130, 16),
    "patient lru_hash-1": MapSpec("m", LRU_HASH, 4, 8, 1),
    "patient lru_hash-64": MapSpec("m", LRU_HASH, 8, 130, 64),
    "hurried hash": MapSpec("m", HASH, 4, 130, 16),
    "hurried lru_hash-64": MapSpec("m", LRU_HASH, 8, 130, 64),
    "lpm_trie": MapSpec("m", LPM_TRIE, 8, 4, 7, BPF_F_NO_PREALLOC),
    "patient lpm_trie": MapSpec("m", LPM_TRIE, 8, 4, 7, BPF_F_NO_PREALLOC),
    "lpm_trie-long": MapSpec("m", LPM_TRIE, 40, 4, 7, BPF_F_NO_PREALLOC),
    "devmap": MapSpec("m", DEVMAP, 4, 8, 5),
    "devmap_hash": MapSpec("m", DEVMAP_HASH, 4, 4, 5),
    "queue": MapSpec("m", QUEUE, 0, 8, 5),
}


def device(name: str) -> Device:
    """Where frames can be broadcast to, the program does it."""
    spec = SPECS[name]
    speed = next((speed for speed in SPEEDS if name.startswith(speed)), SPEEDS[0])
    return Device(spec, [BROADCAST] if MAP_TYPES[spec.type].redirect_flags else [], speed)


def some_keys(spec: MapSpec, rng: random.Random) -> list[bytes]:
    if spec.type in (HASH, DEVMAP, DEVMAP_HASH):
        return [number.to_bytes(4, "little") for number in range(spec.max_entries + 2)]
    return map_keys(spec, rng)


@pytest.mark.parametrize("name", SPECS)
def test_the_host_holds_frames_no_longer_than_stated_and_once(name: str) -> None:
    """Full maps included. What is stated is seen, too, but for rounds of an LRU map's hand and the deepest tries."""
    spec, rng, held = SPECS[name], random.Random(name), list[int]()
    dut = device(name)
    evicts = spec.type == LRU_HASH

    async def testbench(device: Device) -> None:
        keys = some_keys(spec, rng)
        for number in range(120 if evicts else 60):
            op = rng.choice((HostOp.UPDATE, HostOp.UPDATE, HostOp.LOOKUP, HostOp.DELETE))
            key = rng.choice(keys) if keys else b""
            if evicts:
                op, key = HostOp.UPDATE, rng.randbytes(spec.key_size)
            value = (1 + number % 31).to_bytes(4, "little").ljust(spec.value_size, b"\0")[: spec.value_size]
            before, turns = device.held, device.turns
            await device(op, key, value)
            await device.settle()
            held.append(device.held - before)
            assert device.turns <= turns + 1
        if evicts:
            assert len(await device.entries()) == spec.max_entries

    dut.run(testbench)
    assert max(held) <= dut.unit.host_hold
    assert dut.unit.host_hold <= max(held) + 1 or spec.type in (LRU_HASH, LPM_TRIE)


@pytest.mark.parametrize("name", SPECS)
def test_a_map_survives_a_reset(name: str) -> None:
    spec, rng = SPECS[name], random.Random(name)
    dut = device(name)

    async def testbench(device: Device) -> None:
        keys = some_keys(spec, rng) or [b""] * 3
        for number, key in enumerate(keys[:4], 5):
            await device(HostOp.UPDATE, key, number.to_bytes(4, "little").ljust(spec.value_size, b"\0"))
            await device.settle()
        before = await device.entries()
        assert before
        await device.reset()
        assert await device.entries() == before
        await device(HostOp.DELETE, next(iter(before)))
        assert len(await device.entries()) == len(before) - (spec.type != ARRAY)
        if BROADCAST in dut.unit.kinds:
            taken, free = ([number.to_bytes(4, "little").ljust(spec.value_size, b"\0") for number in two]
                           for two in ((6, 7), (5, 30)))  # fmt: skip
            absent = (4).to_bytes(4, "little")
            assert [(await device(HostOp.UPDATE, absent, value))[0] for value in (*taken, *free)] == [-16, -16, 0, 0]

    dut.run(testbench)


@pytest.mark.parametrize("name", ("devmap", "devmap_hash"))
def test_a_unit_around_another_takes_more_than_that_one(name: str) -> None:
    spec = SPECS[name]
    inside, around = Device(spec).unit.logic(), device(name).unit.logic()
    assert around.lut4 > inside.lut4 and around.flip_flops > inside.flip_flops
