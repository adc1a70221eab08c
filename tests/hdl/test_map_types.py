"""What map types declare: limits, geometry, lowering."""

from __future__ import annotations

import gc
import warnings

import pytest
from amaranth.hdl import Const, Fragment, Module, Signal, UnusedElaboratable
from amaranth.sim import Simulator
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps.base import MapPlugin
from hardpath.hdl.maps.lru_hash import Roomy
from hardpath.hdl.maps.lru_unit import spare_entries
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.rows import MEMORY_LIMIT, ValueRows
from hardpath.hdl.maps.table import Table
from hypothesis import given
from hypothesis import strategies as st

HASH, ARRAY, PERCPU_ARRAY, LPM_TRIE, QUEUE, STACK, BLOOM_FILTER = 1, 2, 6, 11, 22, 23, 30
NO_PREALLOC = 1
shapes = st.builds(
    lambda key, value, entries: MapSpec("m", HASH, key, value, entries),
    st.integers(1, 64),
    st.integers(1, 300),
    st.integers(1, 70000),
)


@given(shapes)
def test_one_table_alone_holds_all_entries_and_the_memory_has_a_place_for_every_slot(spec: MapSpec) -> None:
    """What makes overflowing keys sure to find a slot."""
    table, plugin = Table.of(spec), MAP_TYPES[HASH]
    assert table.buckets * table.ways >= spec.max_entries
    address = dict(plugin.read_kind(spec).operands)["address"]
    assert 1 << address >= table.slots * plugin.rows(spec)


@given(shapes)
def test_in_an_lru_map_one_table_alone_holds_those_that_still_have_to_go_too(spec: MapSpec) -> None:
    """Whatever the keys: so an insert always finds a slot before the pause in which another entry goes."""
    table = Table.of(Roomy.of(spec))
    assert table.buckets * table.ways >= spec.max_entries + spare_entries(spec.max_entries)


@given(st.integers(1, 64), st.integers(1, 5000), st.data())
def test_hardware_and_model_of_the_hash_agree(key_size: int, entries: int, data: st.DataObject) -> None:
    table = Table.of(MapSpec("m", HASH, key_size, 8, entries))
    key = data.draw(st.integers(0, (1 << table.key_bits) - 1))
    out = [Signal(table.index_bits) for _ in range(2)]
    m = Module()
    m.d.comb += [bucket.eq(table.build_bucket(i, Const(key, table.key_bits))) for i, bucket in enumerate(out)]

    async def check(ctx: object) -> None:
        assert [ctx.get(bucket) for bucket in out] == [table.bucket(0, key), table.bucket(1, key)]  # type: ignore[attr-defined]

    simulator = Simulator(m)
    simulator.add_testbench(check)
    simulator.run()


def test_keys_that_count_up_fill_the_buckets_of_the_first_table_evenly() -> None:
    table = Table.of(MapSpec("m", HASH, 4, 8, 1024))
    filled = [table.bucket(0, key) for key in range(table.buckets)]
    assert sorted(filled) == list(range(table.buckets))


@given(st.integers(1, 1000), st.data())
def test_rows_take_a_value_apart_and_writes_put_it_together(size: int, data: st.DataObject) -> None:
    rows = ValueRows(3, size, 2)
    value = data.draw(st.binary(min_size=size, max_size=size))
    memory = bytearray(size)
    for number, row in enumerate(rows.split(int.from_bytes(value, "little"))):
        address = (2 << rows.row_index_bits) | number
        rows.evaluate_write(memory, address, row, (1 << rows.row_bytes) - 1)
        assert rows.evaluate_read(memory, address) == row
    assert memory == value


@pytest.mark.parametrize(
    "spec, reason, remedy",
    [
        (MapSpec("m", ARRAY, 4, 8, 0), "no entries", "--map-size m="),
        (MapSpec("m", ARRAY, 8, 8, 4), "keys of 8 bytes", "4 bytes"),
        (MapSpec("m", PERCPU_ARRAY, 4, 0, 4), "value of 0 bytes", "at least one byte"),
        (MapSpec("m", HASH, 65, 8, 4), "keys of 65 bytes", "shorter key"),
        (MapSpec("m", HASH, 4, 5000, 4), "values of 5000 bytes", "split"),
        (MapSpec("m", HASH, 4, 64, 1 << 20), "bytes of memory", "--map-size m="),
        (MapSpec("m", ARRAY, 4, 64, 1 << 30), "bytes of memory", "--map-size m="),
        (MapSpec("m", HASH, 0, 8, 4), "key of 0 bytes", "at least one byte"),
        (MapSpec("m", QUEUE, 4, 8, 4), "its type has none", "leave the key out"),
        (MapSpec("m", QUEUE, 0, 0, 4), "value of 0 bytes", "at least one byte"),
        (MapSpec("m", STACK, 0, 257, 4), "values of 257 bytes", "split"),
        (MapSpec("m", BLOOM_FILTER, 0, 65, 4), "values of 65 bytes", "split"),
        (MapSpec("m", BLOOM_FILTER, 0, 8, 1 << 28), "bytes of memory", "--map-size m="),
        (MapSpec("m", QUEUE, 0, 8, 1 << 23), "bytes of memory", "--map-size m="),
        (MapSpec("m", LPM_TRIE, 8, 8, 4), "lacks the flag BPF_F_NO_PREALLOC", "map_flags"),
        (MapSpec("m", LPM_TRIE, 4, 8, 4, NO_PREALLOC), "keys of 4 bytes", "5 to 260 bytes"),
        (MapSpec("m", LPM_TRIE, 261, 8, 4, NO_PREALLOC), "keys of 261 bytes", "5 to 260 bytes"),
        (MapSpec("m", LPM_TRIE, 8, 8, 1 << 20, NO_PREALLOC), "bytes of memory", "--map-size m="),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(spec: MapSpec, reason: str, remedy: str) -> None:
    with pytest.raises(Refused) as refused:
        MAP_TYPES[spec.type].check(spec)
    assert reason in refused.value.reason
    assert remedy in refused.value.remedy


@pytest.mark.parametrize("kind, size", [(ARRAY, 8), (ARRAY, 100), (PERCPU_ARRAY, 64), (HASH, 1)])
def test_the_number_of_entries_that_a_refusal_offers_fits(kind: int, size: int) -> None:
    plugin = MAP_TYPES[kind]
    with pytest.raises(Refused) as refused:
        plugin.check(MapSpec("m", kind, 4, size, 1 << 28))
    offered = int(refused.value.remedy.partition("m=")[2].split()[0])
    assert offered * size <= MEMORY_LIMIT
    plugin.check(MapSpec("m", kind, 4, size, offered))


def test_constant_flags_of_an_array_update_leave_no_site_when_they_fail() -> None:
    c = Construct(Graph())
    spec = MapSpec("m", ARRAY, 4, 8, 4)
    key, value = c.input("length", 32), c.input("time_ns", 64)
    result = MAP_TYPES[ARRAY].lower_update(c, spec, c.const(1, 1), key, value, c.const(3, 64))
    assert (result.op, result.attr) == ("const", -22 & (1 << 64) - 1)
    (site,) = (node for node in c.graph.nodes if node.op == "site")
    assert (site.args[0].op, site.args[0].attr) == ("const", 0)


def test_few_values_that_were_not_pushed_are_found_in_a_full_bloom_filter() -> None:
    """Linux, with 8192 bits for these entries, finds one in 196."""
    spec = MapSpec("m", BLOOM_FILTER, 0, 8, 700)
    model = MAP_TYPES[BLOOM_FILTER].model(spec)
    for value in range(spec.max_entries):
        assert model.push(value.to_bytes(8, "little"), 0) == 0
    assert all(model.peek(value.to_bytes(8, "little")) for value in range(spec.max_entries))
    wrong = sum(model.peek(value.to_bytes(8, "big")) is not None for value in range(1, 10001))
    assert wrong < 10000 / 196


@pytest.mark.parametrize("plugin", MAP_TYPES.values(), ids=lambda plugin: plugin.name)
def test_full_maps_take_new_keys_only_if_they_say_that_they_evict(plugin: MapPlugin) -> None:
    flags = NO_PREALLOC if plugin.type == LPM_TRIE else 0
    spec = MapSpec("m", plugin.type, 8 if plugin.type == LPM_TRIE else 4, 4, 4, flags)
    if "update" not in plugin.operations or plugin.is_constant_address():
        assert not plugin.evicts
        return
    model = plugin.model(spec)
    keys = [(b"\x20\0\0\0" if plugin.type == LPM_TRIE else b"") + bytes((number, 0, 0, 0)) for number in range(5)]
    assert [model.update(key, b"none", 0) for key in keys[:4]] == [0] * 4
    assert (model.update(keys[4], b"none", 0) == 0) is plugin.evicts
    assert len(list(model.items())) == 4


PATIENT = [each for each in MAP_TYPES.values() if type(each).patient_hardware is not MapPlugin.patient_hardware]


@pytest.mark.parametrize("plugin", PATIENT, ids=lambda plugin: plugin.name)
def test_hardware_that_gives_way_to_patient_one_goes_without_a_word(plugin: MapPlugin) -> None:
    flags = NO_PREALLOC if plugin.type == LPM_TRIE else 0
    Fragment.get(Module(), None)  # before anything is used Amaranth warns of nothing
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        plugin.hardware(MapSpec("m", plugin.type, 8, 4, 4, flags), [])
        gc.collect()
    assert not [each for each in said if each.category is UnusedElaboratable]


def test_patient_hash_hardware_may_have_fewer_slots_but_room_for_all_entries_in_either_table():
    for spec in (MapSpec("m", HASH, 4, 8, 256), MapSpec("m", HASH, 20, 40, 256), MapSpec("m", HASH, 4, 8, 64)):
        fast, found = Table.of(spec), Table.patient(spec)
        assert found[-1] == fast and all(table.slots <= fast.slots for table in found)
        assert all(table.buckets * table.ways >= spec.max_entries for table in found)
    assert Table.patient(MapSpec("m", HASH, 4, 8, 256))[0].slots == 512 < Table.of(MapSpec("m", HASH, 4, 8, 256)).slots
