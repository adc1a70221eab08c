"""An LRU map in a pipeline that is too long for it."""

import pytest
from hardpath.codegen.emit import emit
from hardpath.codegen.graph.construct import Construct
from hardpath.codegen.graph.ir import Graph
from hardpath.codegen.schedule import schedule
from hardpath.codegen.schedule.plan import Schedule
from hardpath.codegen.spec import MapSpec
from hardpath.hdl.errors import Refused
from hardpath.hdl.maps.lru_unit import spare_entries
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.target import Target

LRU_HASH, ENTRIES = 9, 16
SPARE = spare_entries(ENTRIES)


@pytest.mark.parametrize("later, fits", [(0, True), (SPARE - 10, True), (SPARE, False)])
def test_more_frames_between_two_touches_than_there_is_room_for_are_refused(later, fits):
    graph, spec = Graph(window=24), MapSpec("m", LRU_HASH, 4, 8, ENTRIES)
    c, plugin = Construct(graph), MAP_TYPES[LRU_HASH]
    window, yes = c.input("window", 8 * 24), c.const(1, 1)
    key, value = c.slice(window, 0, 32), c.slice(window, 64, 64)
    found = plugin.lower_lookup(c, spec, yes, key).found
    result = plugin.lower_update(c, spec, yes, c.slice(window, 32, 32), value, c.const(0, 64))
    lookup, update = (node for node in graph.nodes if node.op == "site")
    c.order(lookup, update, 1)
    graph.outputs = {"verdict": c.concat([found, c.slice(result, 0, 2)]), "window": window}
    plan = schedule(graph, Target())
    moved = tuple(stage + later * (number >= update.id) for number, stage in enumerate(plan.stage))
    stretched = Schedule(plan.stages + later, moved)
    if fits:
        emit(graph, stretched, {"m": spec})
        return
    with pytest.raises(Refused, match="map m") as refused:
        emit(graph, stretched, {"m": spec})
    assert "update" in refused.value.remedy
