"""The hardware of the maps: fast, or small where frames leave it the time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...hdl.maps.base import MapPlugin
from ...hdl.maps.unit import MapUnit
from ..graph.ir import Graph, Node
from ..schedule.plan import Schedule
from ..spec import MapSpec


def sites_of(graph: Graph, schedule: Schedule, unit: str) -> list[Node]:
    """The sites of a unit in the order of the stages they issue in, as its hardware has them."""
    sites = [node for node, _ in schedule.sites(graph) if node.attr.unit == unit]
    return sorted(sites, key=schedule.issue)


def late_inserts(graph: Graph, schedule: Schedule, unit: str) -> int:
    """How many keys frames can insert into a map, at most, from the one for which it asks for the host's turn until it
    gets it: at each site that takes free slots all frames between there and the first stage that touches the map, the
    frame that asks, and the one that comes in meanwhile."""
    sites = [(schedule.issue(site), site.attr.kind) for site in sites_of(graph, schedule, unit)]
    first = min((issue + kind.touch[0] for issue, kind in sites), default=0)
    lengths = [issue + kind.touch[1] - first for issue, kind in sites if kind.shared]
    return sum(schedule.frames_in(length) + 2 for length in lengths)


def crowded(
    graph: Graph, schedule: Schedule, maps: Mapping[str, MapSpec], types: Mapping[int, MapPlugin]
) -> dict[str, int]:
    """The maps into which frames can insert more keys than their hardware has room for, with how many these are."""
    spare = {name: types[spec.type].spare(spec) for name, spec in maps.items()}
    inserts = {name: late_inserts(graph, schedule, name) for name, keys in spare.items() if keys is not None}
    return {name: keys for name, keys in inserts.items() if keys > (spare[name] or 0)}


def map_units(
    graph: Graph, schedule: Schedule, maps: Mapping[str, MapSpec], types: Mapping[int, MapPlugin], frame_cycles: int
) -> dict[str, MapUnit]:
    """A unit for each map. Of the ``frame_cycles`` from one frame to the next those that the pipeline does not need are
    given to the maps, the largest first, as far as they go."""
    kinds = {name: [site.attr.kind for site in sites_of(graph, schedule, name)] for name in maps}
    units = {name: types[spec.type].hardware(spec, kinds[name]) for name, spec in maps.items()}
    spare = frame_cycles - schedule.ii - sum(unit.frame_hold for unit in units.values())
    for name, spec in sorted(maps.items(), key=lambda item: -item[1].max_entries * item[1].key_size):
        if spare < 0:
            break
        held = units[name].frame_hold
        patient = types[spec.type].patient_hardware(spec, kinds[name], schedule.ii, held + spare)
        if patient is not None:
            spare -= patient.frame_hold - held
            units[name] = patient
    return units


def divisions(
    graph: Graph, schedule: Schedule, maps: Mapping[str, MapSpec], types: Mapping[int, MapPlugin], frame_cycles: int
) -> list[Schedule]:
    """How ``frame_cycles`` can be divided between stages and maps: the schedule, and with frames closer in the stages
    (which share less then) so much that maps get hardware for which there was not enough time before."""
    found = [schedule]
    before = _choice(map_units(graph, schedule, maps, types, frame_cycles))
    for ii in range(schedule.ii - 1, 0, -1):
        closer = replace(schedule, ii=ii)
        if crowded(graph, closer, maps, types):
            break
        choice = _choice(map_units(graph, closer, maps, types, frame_cycles))
        if choice != before:
            found.append(closer)
            before = choice
    return found


def _choice(units: Mapping[str, MapUnit]) -> list[tuple[type[MapUnit], int]]:
    """What was chosen among the hardware of a map has different holds."""
    return [(type(unit), unit.frame_hold) for unit in units.values()]
