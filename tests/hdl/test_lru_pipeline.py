"""An LRU map in a long pipeline: room for what frames insert before others can go, and no pipeline without."""

import random
from dataclasses import replace

import pytest
from hardpath.codegen.emit import crowded, divisions, emit, pipeline
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.schedule import schedule
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps import lru_hash
from hardpath.hdl.maps.lru_unit import spare_entries
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.target import Target
from map_bench import Bench, Program

LRU_HASH, ENTRIES = 9, 16
PLUGIN = MAP_TYPES[LRU_HASH]
SPEC = MapSpec("m", LRU_HASH, 4, 8, ENTRIES)
SPARE = PLUGIN.spare(SPEC)


def stretched(spec: MapSpec, later: int, ii: int = 1) -> tuple[Graph, Schedule]:
    """A lookup of one key, and so many stages later than it could be an update of another."""
    graph, key, value = Graph(window=24), 8 * spec.key_size, 8 * spec.value_size
    c = Construct(graph)
    window, yes = c.input("window", 8 * 24), c.const(1, 1)
    found = PLUGIN.lower_lookup(c, spec, yes, c.slice(window, 0, key)).found
    result = PLUGIN.lower_update(c, spec, yes, c.slice(window, 32, key), c.slice(window, 64, value), c.const(0, 64))
    lookup, update = (node for node in graph.nodes if node.op == "site")
    c.order(lookup, update, 1)
    graph.outputs = {"verdict": c.concat([found, c.slice(result, 0, 2)]), "window": c.slice(result, 0, 8)}
    plan = schedule(graph, Target())
    moved = tuple(stage + later * (number >= update.id) for number, stage in enumerate(plan.stage))
    return graph, Schedule(plan.stages + later, moved, ii=ii)


def test_there_is_room_for_as_many_as_one_table_has_slots_and_never_for_less_than_promised() -> None:
    for entries in (1, 2, 16, 300, 1503, 4096, 65535, 65536):
        shape = replace(SPEC, max_entries=entries)
        assert PLUGIN.spare(shape) >= spare_entries(entries)
        assert PLUGIN.hardware(shape, []).spare == PLUGIN.spare(shape)
    assert PLUGIN.spare(replace(SPEC, max_entries=65536)) == 65536


@pytest.mark.parametrize("later, fits", [(0, True), (SPARE - 10, True), (SPARE, False)])
def test_more_frames_between_two_touches_than_there_is_room_for_are_refused(later, fits):
    graph, plan = stretched(SPEC, later)
    if fits:
        emit(graph, plan, {"m": SPEC})
        return
    with pytest.raises(Refused, match="map m") as refused:
        emit(graph, plan, {"m": SPEC})
    assert "update" in refused.value.remedy


@pytest.mark.parametrize("ii", [1, 3])
def test_a_stage_more_than_there_is_room_for_is_one_too_many(ii: int) -> None:
    """Frames from the lookup's touch to the update's, each of which inserts one, and two more."""
    lengths = range(ii * (SPARE - 4), ii * SPARE)
    later = next(n for n in lengths if crowded(*stretched(SPEC, n, ii), {"m": SPEC}, MAP_TYPES))
    emit(*stretched(SPEC, later - 1, ii), {"m": SPEC})
    graph, plan = stretched(SPEC, later, ii)
    assert crowded(graph, plan, {"m": SPEC}, MAP_TYPES) == {"m": SPARE + 1}
    lookup, update = (plan.issue(node) + 1 for node, _ in plan.sites(graph))
    assert -(-(update - lookup) // ii) + 2 == SPARE + 1
    with pytest.raises(Refused, match=f"may insert {SPARE + 1} keys .* has room for {SPARE}"):
        emit(graph, plan, {"m": SPEC})


@pytest.mark.parametrize("later, intervals", [(0, {4, 1}), (3 * SPARE, {4})])
def test_frames_come_no_closer_in_the_stages_than_there_is_room_for(later: int, intervals: set[int]) -> None:
    """Hardware that takes its time needs frames that are apart, so a frame a cycle is another choice."""
    graph, plan = stretched(SPEC, later, 4)
    found = divisions(graph, plan, {"m": SPEC}, MAP_TYPES, 100)
    assert {each.ii for each in found} == intervals
    for each in found:
        emit(graph, each, {"m": SPEC}, frame_cycles=100)


def test_a_map_gets_the_room_that_it_needs_and_no_more_than_there_is_memory_for() -> None:
    assert PLUGIN.room_for(SPEC, SPARE) == 0
    room = PLUGIN.room_for(SPEC, SPARE + 1)
    assert room == SPARE + 1 and PLUGIN.spare(replace(SPEC, room=room)) >= room
    assert PLUGIN.layout(replace(SPEC, room=room)).address_bits > PLUGIN.layout(SPEC).address_bits
    assert PLUGIN.room_for(SPEC, 1 << 22) == 0  # of 12 bytes each


def test_inserts_back_to_back_into_a_full_map_find_room_in_a_deep_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each frame brings a key that was never there; without the room there is an error for some of them."""
    monkeypatch.setattr(lru_hash, "spare_entries", lambda _: 8)  # a small pipeline is deep then
    spec = MapSpec("m", LRU_HASH, 2, 1, 2)
    later = PLUGIN.spare(spec) + 8
    needed = crowded(*stretched(spec, later), {"m": spec}, MAP_TYPES)["m"]
    roomy = replace(spec, room=PLUGIN.room_for(spec, needed))
    errors, left = inserted(roomy, later)
    assert not any(errors) and len(left) == 2
    monkeypatch.setattr(pipeline.Pipeline, "_check_drain", lambda *_: None)
    errors, _ = inserted(spec, later)
    assert any(errors)


def inserted(spec: MapSpec, later: int) -> tuple[list[int], dict[bytes, bytes]]:
    """The results of 150 frames with keys of their own, and what is in the map behind them."""
    graph, plan = stretched(spec, later)
    bench = Bench(Program(graph, plan, spec, []), random.Random(0))
    bench.gap = bench.busy = 0
    bench.run([(number + 1) << 32 | (number & 0xFF) << 64 for number in range(150)])
    left = dict(bench.entries)
    assert all(int.from_bytes(key, "little") - 1 & 0xFF == value[0] for key, value in left.items())
    return bench.outputs, left
