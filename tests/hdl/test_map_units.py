"""Map units alone, operated by the host, against the reference models."""

from __future__ import annotations

import random

import pytest
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.maps.lru_hash import Roomy
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.slot_table import SlotTable
from hardpath.hdl.maps.table import Table
from hardpath.hdl.maps.trie import Trie
from hardpath.hdl.maps.unit import HostOp
from map_device import SPEEDS, Device
from map_keys import map_keys

PROG_ARRAY, ARRAY_OF_MAPS, HASH_OF_MAPS = 3, 12, 13
HASH, ARRAY, PERCPU_HASH, PERCPU_ARRAY = 1, 2, 5, 6
DEVMAP, CPUMAP, XSKMAP, DEVMAP_HASH = 14, 16, 17, 25
LRU_HASH, LRU_PERCPU_HASH = 9, 10
LPM_TRIE, NO_PREALLOC = 11, 1
QUEUE, STACK, BLOOM_FILTER = 22, 23, 30
ENOENT, E2BIG, EEXIST, EINVAL = 2, 7, 17, 22


def colliding(
    spec: MapSpec,
    rng: random.Random,
    count: int,
    buckets: tuple[int | None, int | None],
    table: Table | None = None,
) -> list[bytes]:
    """Different keys with these buckets (None: any) in table 0 and 1 of ``table``, by default that of fast hardware."""
    table, keys = table or Table.of(spec), set[int]()
    while len(keys) < count:
        key = rng.getrandbits(8 * spec.key_size)
        if all(want in (None, table.bucket(i, key)) for i, want in enumerate(buckets)):
            keys.add(key)
    return [key.to_bytes(spec.key_size, "little") for key in sorted(keys)]


SPECS = [
    MapSpec("m", HASH, 4, 4, 16),
    MapSpec("m", HASH, 3, 1, 13),
    MapSpec("m", HASH, 16, 130, 9),
    MapSpec("m", HASH, 4, 8, 256),  # patient hardware has half as many slots as the fast one
    MapSpec("m", HASH, 1, 2, 3),
    MapSpec("m", HASH, 2, 8, 1),
    MapSpec("m", ARRAY, 4, 8, 5),
    MapSpec("m", ARRAY, 4, 200, 1, initial=bytes(range(200))),
    MapSpec("m", PERCPU_ARRAY, 4, 3, 4),
    MapSpec("m", PERCPU_HASH, 4, 12, 9),
    MapSpec("m", DEVMAP, 4, 4, 5),
    MapSpec("m", DEVMAP, 4, 8, 1),
    MapSpec("m", DEVMAP_HASH, 4, 4, 5),
    MapSpec("m", DEVMAP_HASH, 4, 8, 5),
    MapSpec("m", CPUMAP, 4, 4, 3),
    MapSpec("m", CPUMAP, 4, 8, 3),
    MapSpec("m", XSKMAP, 4, 4, 4),
    MapSpec("m", QUEUE, 0, 4, 5),
    MapSpec("m", QUEUE, 0, 100, 8),
    MapSpec("m", STACK, 0, 3, 1),
    MapSpec("m", STACK, 0, 8, 7),
    MapSpec("m", LPM_TRIE, 5, 4, 40, NO_PREALLOC),
    MapSpec("m", LPM_TRIE, 8, 4, 1, NO_PREALLOC),
    MapSpec("m", LPM_TRIE, 8, 100, 7, NO_PREALLOC),
    MapSpec("m", LPM_TRIE, 13, 8, 12, NO_PREALLOC),
    MapSpec("m", LPM_TRIE, 37, 8, 1, NO_PREALLOC),
    MapSpec("m", LPM_TRIE, 39, 100, 7, NO_PREALLOC),
    MapSpec("m", PROG_ARRAY, 4, 4, 5, table=SlotTable(("a", "b", "c"), {1: 3}, {1: (1, 3), 4: (2,)})),
    MapSpec("m", PROG_ARRAY, 4, 4, 3, table=SlotTable(("a", "b", "c"), others=(1, 2))),
    MapSpec("m", ARRAY_OF_MAPS, 4, 4, 3, table=SlotTable(("a", "b", "c"), {2: 1}, others=(1, 3))),
    MapSpec("m", HASH_OF_MAPS, 6, 4, 5, table=SlotTable(("a", "b", "c"), {7: 3, 1 << 40: 1}, others=(1, 3))),
]


def some_value(spec: MapSpec, rng: random.Random) -> bytes:
    """Any bytes, or as its first 8 bytes numbers that redirect maps or arrays of programs tell apart from others."""
    if spec.table is not None:
        return rng.randrange(6).to_bytes(4, "little")
    value = rng.randbytes(spec.value_size)
    if rng.random() < 0.5:
        return value
    word, program = rng.choice((0, 1, 16384, 16385)), rng.choice((0, -1, 1))
    special = word.to_bytes(4, "little") + program.to_bytes(4, "little", signed=True)
    return special[: spec.value_size] + value[8:]


def name(spec: MapSpec) -> str:
    return f"{MAP_TYPES[spec.type].name}-{spec.key_size}-{spec.value_size}-{spec.max_entries}"


ALL = pytest.mark.parametrize("speed", SPEEDS)


@pytest.mark.parametrize(
    "spec, speed",
    [
        *(pytest.param(spec, "fast", id=name(spec)) for spec in SPECS),
        *(
            pytest.param(spec, speed, id=f"{speed}-{name(spec)}")
            for spec in SPECS if spec.type in (HASH, PERCPU_HASH) for speed in SPEEDS[1:]
        ),
        *(
            pytest.param(spec, "patient", id=f"patient-{name(spec)}", marks=[pytest.mark.slow] * (spec.key_size > 8))
            for spec in SPECS if spec.type == LPM_TRIE and spec.key_size in (8, 13)
        ),
    ],
)
def test_host_operations_do_what_the_model_does(spec: MapSpec, speed: str) -> None:
    rng = random.Random(str(spec))
    model = MAP_TYPES[spec.type].model(spec)
    tried = Device(spec, speed=speed)
    if spec.type in (HASH, PERCPU_HASH, DEVMAP_HASH, HASH_OF_MAPS):
        count, table = min(24, 2 * spec.max_entries), getattr(tried.unit, "table", None)
        keys = colliding(spec, rng, count, (0, 0), table) if spec.key_size > 1 else [bytes([i]) for i in range(6)]
        keys += [rng.randbytes(spec.key_size) for _ in range(4)]
    else:
        keys = map_keys(spec, rng)

    async def testbench(device: Device) -> None:
        for number in range(500):
            key, value = rng.choice(keys), some_value(spec, rng)
            filling = number % 200 < 120
            op = rng.choice((HostOp.LOOKUP, HostOp.UPDATE, HostOp.UPDATE if filling else HostOp.DELETE, HostOp.DELETE))
            flags = rng.choice((0, 0, 0, 1, 2, 3))
            status, _, result = await device(op, key, value, flags)
            if op == HostOp.LOOKUP:
                handle = model.lookup(key)
                assert status == (-ENOENT if handle is None else 0)
                if handle is not None:
                    assert result == model.value(handle)
            elif op == HostOp.UPDATE:
                assert status == model.update(key, value, flags)
            elif spec.key_size:
                assert status == model.delete(key)
            else:
                taken = model.pop()
                assert (status, taken) == ((0, result) if status == 0 else (-ENOENT, None))
        assert await device.entries() == dict(model.items())

    tried.run(testbench)


@ALL
def test_entries_that_are_there_are_found_when_those_they_overflowed_with_are_gone(speed: str) -> None:
    """Counters must go down by one for each key that leaves, not sooner and not later."""
    spec = MapSpec("m", HASH, 4, 4, 16)
    rng = random.Random(1)
    keys = colliding(spec, rng, 16, (2, 1))

    async def testbench(device: Device) -> None:
        assert (await device(HostOp.LOOKUP, keys[0]))[0] == -ENOENT
        shortest = device.cycles
        for key in keys:
            assert (await device(HostOp.UPDATE, key, key))[0] == 0
        assert (await device(HostOp.UPDATE, rng.randbytes(4), bytes(4)))[0] == -E2BIG
        left = list(keys)
        rng.shuffle(left)
        while left:
            assert (await device(HostOp.DELETE, left.pop()))[0] == 0
            for key in keys:
                status, _, value = await device(HostOp.LOOKUP, key)
                assert (status, value if status == 0 else key) == (0 if key in left else -ENOENT, key)
        assert await device.entries() == {}
        assert (await device(HostOp.LOOKUP, keys[0]))[0] == -ENOENT
        assert device.cycles == shortest, "nothing went past its buckets any more"

    Device(spec, speed=speed).run(testbench)


def test_entries_that_are_there_from_the_start_lie_where_inserts_would_have_put_them() -> None:
    """Those that overflowed, too: all are found, and what they went past is forgotten as they go."""
    keys = colliding(MapSpec("m", HASH, 4, 4, 20), random.Random(3), 20, (2, 1))
    first = {int.from_bytes(key, "little"): 1 + number % 2 for number, key in enumerate(keys[:17])}
    spec = MapSpec("m", HASH_OF_MAPS, 4, 4, 20, table=SlotTable(("a", "b"), first, others=(1, 2)))
    left = {key: first[int.from_bytes(key, "little")].to_bytes(4, "little") for key in keys[:17]}
    assert dict(MAP_TYPES[spec.type].model(spec).items()) == left

    async def testbench(device: Device) -> None:
        assert await device.entries() == left
        for key in keys:
            there = key in left
            assert (await device(HostOp.UPDATE, key, little(2), flags=1))[0] == (-EEXIST if there else 0)
            left.setdefault(key, little(2))
        assert (await device(HostOp.UPDATE, bytes(4), little(1)))[0] == -E2BIG
        while left:
            gone, value = left.popitem()
            assert (await device(HostOp.LOOKUP, gone))[2] == value
            assert (await device(HostOp.DELETE, gone))[0] == 0
            assert (await device(HostOp.LOOKUP, gone))[0] == -ENOENT
            assert await device.entries() == left

    Device(spec).run(testbench)


def little(number: int) -> bytes:
    return number.to_bytes(4, "little")


@ALL
def test_a_search_ends_after_one_round_when_keys_went_past_every_bucket(speed: str) -> None:
    spec = MapSpec("m", HASH, 4, 4, 16)
    assert Table.of(spec) == Table(32, 4, 2)
    rng = random.Random(2)
    in_bucket = [colliding(spec, rng, 9, (i, 0)) for i in range(4)]

    async def testbench(device: Device) -> None:
        async def put(*keys: bytes) -> None:
            for key in keys:
                assert (await device(HostOp.UPDATE, key, key))[0] == 0

        async def drop(*keys: bytes) -> None:
            for key in keys:
                assert (await device(HostOp.DELETE, key))[0] == 0

        await put(*in_bucket[1][:4], *in_bucket[0][:8])  # the last four are in table 1
        await put(in_bucket[0][8])  # past buckets 0 and 1, into bucket 2
        await drop(*in_bucket[0][:4], *in_bucket[1][:4])
        await put(*in_bucket[3][:4], *in_bucket[2][:3])
        await put(in_bucket[2][3])  # past buckets 2 and 3, into bucket 0
        for key in (in_bucket[0][8], in_bucket[2][3]):
            assert (await device(HostOp.LOOKUP, key))[2] == key
        for absent in (in_bucket[0][0], *(keys[8] for keys in in_bucket[1:])):
            assert (await device(HostOp.LOOKUP, absent))[0] == -ENOENT
            assert (await device(HostOp.DELETE, absent))[0] == -ENOENT

    Device(spec, speed=speed).run(testbench)


@ALL
@pytest.mark.parametrize("kind, entries", [(LRU_HASH, 1), (LRU_HASH, 40), (LRU_PERCPU_HASH, 9)])
def test_an_lru_map_takes_every_new_key_and_never_has_too_many(kind: int, entries: int, speed: str) -> None:
    spec = MapSpec("m", kind, 4, 8, entries)
    rng = random.Random(str(spec))
    last: dict[bytes, bytes] = {}

    async def testbench(device: Device) -> None:
        for number in range(entries + 12):
            key, value = rng.getrandbits(32).to_bytes(4, "little"), rng.randbytes(8)
            last[key] = value
            assert (await device(HostOp.UPDATE, key, value))[0] == 0
            if number > entries - 4 and number % 5 == 0:
                found = await device.entries()
                assert len(found) == min(number + 1, entries)
                assert found.items() <= last.items()
        found = await device.entries()
        assert (await device(HostOp.DELETE, next(iter(found))))[0] == 0
        assert len(await device.entries()) == entries - 1

    Device(spec, speed=speed).run(testbench)


@ALL
def test_what_goes_from_an_lru_map_may_have_overflowed(speed: str) -> None:
    """Those that stay are found, wherever they lie, and are as many as there may be."""
    spec, rng = MapSpec("m", LRU_HASH, 4, 4, 14), random.Random(5)
    table = Table.of(Roomy.of(spec))
    together: list[bytes] = []
    while len(together) < 14:
        key = rng.getrandbits(32)
        if (table.bucket(0, key), table.bucket(1, key)) == (2, 1):
            together.append(key.to_bytes(4, "little"))

    async def testbench(device: Device) -> None:
        for key in together:
            assert (await device(HostOp.UPDATE, key, key))[0] == 0
        seen = set(together)
        for _ in range(30):
            key = rng.randbytes(4)
            seen.add(key)
            assert (await device(HostOp.UPDATE, key, key))[0] == 0
            await device.settle()
            left = await device.entries()
            assert len(left) == 14 and left.keys() <= seen and all(key == value for key, value in left.items())
            for each in left:
                status, _, value = await device(HostOp.LOOKUP, each)
                assert (status, value) == (0, each)

    Device(spec, speed=speed).run(testbench)


@pytest.mark.parametrize("size, entries", [(1, 1), (4, 3), (16, 60)])
def test_a_bloom_filter_finds_what_the_model_finds(size: int, entries: int) -> None:
    """Everything that was pushed, and the same few others."""
    spec = MapSpec("m", BLOOM_FILTER, 0, size, entries)
    rng = random.Random(str(spec))
    model = MAP_TYPES[spec.type].model(spec)

    async def testbench(device: Device) -> None:
        pushed = set()
        for _ in range(2 * entries):
            value, flags = rng.randbytes(size), rng.choice((0, 0, 0, 1, 2))
            status, _, _ = await device(HostOp.UPDATE, value=value, flags=flags)
            assert status == model.update(b"", value, flags) == (-EINVAL if flags else 0)
            if not flags:
                pushed.add(value)
            for asked in (*pushed, rng.randbytes(size)):
                status, _, _ = await device(HostOp.LOOKUP, value=asked)
                assert status == (0 if model.peek(asked) == asked else -ENOENT)
                assert status == 0 or asked not in pushed
        assert (await device(HostOp.DELETE))[0] == model.delete(b"") == -95
        assert await device.entries() == {}

    Device(spec).run(testbench)


def test_the_host_keeps_an_lpm_trie_busy_for_four_cycles_a_level_at_most() -> None:
    """A delete that gives back a node in every level takes longest."""
    spec = MapSpec("m", LPM_TRIE, 12, 8, 4, NO_PREALLOC)
    levels, rng = Trie.of(spec).levels, random.Random(1)
    longest = dict.fromkeys(HostOp, 0)

    async def testbench(device: Device) -> None:
        lonely = (64).to_bytes(4, "little") + bytes(8)
        for op, key in [(HostOp.UPDATE, lonely), (HostOp.LOOKUP, lonely), (HostOp.DELETE, lonely)] * 2:
            assert (await device(op, key, bytes(8)))[0] == 0
            longest[op] = max(longest[op], device.cycles)
        for _ in range(100):
            op = rng.choice((HostOp.LOOKUP, HostOp.UPDATE, HostOp.DELETE))
            await device(op, rng.choice(map_keys(spec, rng)), bytes(8))
            longest[op] = max(longest[op], device.cycles)

    Device(spec).run(testbench)
    assert max(longest[HostOp.LOOKUP], longest[HostOp.UPDATE]) <= 2 * levels + 12
    assert 3 * levels < longest[HostOp.DELETE] <= 4 * levels + 12


def test_an_lpm_trie_with_long_keys_keeps_the_host_for_a_cycle_an_entry() -> None:
    """As many entries as were ever there at a time; what has gone is used again."""
    spec = MapSpec("m", LPM_TRIE, 40, 8, 30, NO_PREALLOC)
    keys = [length.to_bytes(4, "little") + bytes(36) for length in range(257, 257 + 30)]
    longest = [0, 0]

    async def testbench(device: Device) -> None:
        async def do(op: HostOp, key: bytes) -> None:
            assert (await device(op, key, bytes(8)))[0] == 0
            full[0] = max(full[0], device.cycles)

        for some, full in ((keys[:5], longest[:1]), (keys, longest[1:])):
            for op in (HostOp.UPDATE, HostOp.UPDATE, HostOp.LOOKUP, HostOp.DELETE, HostOp.UPDATE, HostOp.DELETE):
                for key in some:
                    await do(op, key)
            longest[len(some) > 5] = full[0]
        assert longest[1] <= device.unit.host_hold + 3

    Device(spec).run(testbench)
    assert 5 < longest[0] < 20 < 30 < longest[1]
