# amaranth: UnusedElaboratable=no
"""Schedules become hardware: `emit` makes the pipeline, `verilog` its text, `hazards` tells who waits for whom."""

from __future__ import annotations

from collections.abc import Mapping

from ...hdl.maps.base import MapPlugin
from ..graph.ir import Graph
from ..schedule.plan import Schedule
from ..spec import MapSpec
from .hazards import Hazard, hazards
from .pipeline import Pipeline
from .stages import LineOf
from .units import crowded, divisions, map_units
from .verilog import verilog, verilog_of

__all__ = ["Hazard", "Pipeline", "crowded", "divisions", "emit", "hazards", "verilog", "verilog_of"]


def emit(
    graph: Graph,
    schedule: Schedule,
    maps: Mapping[str, MapSpec],
    *,
    types: Mapping[int, MapPlugin] | None = None,
    width: int = 64,
    max_frame: int = 2048,
    queue: int = 32,
    frame_cycles: int = 1,
    line_of: LineOf | None = None,
) -> Pipeline:
    """The pipeline of a scheduled graph, with a unit for each of ``maps`` (used by the graph or not).

    ``types``: map types by number; by default all there are. ``width``: bytes a beat and ``max_frame``: bytes of
    the longest frame, for the frame store. ``queue``: frames in the output queue; as many as the longest frame has
    beats keep the line rate. ``frame_cycles``: cycles from one frame to the next that they leave: what is beyond
    ``schedule.ii`` maps may use for being smaller. ``line_of``: slot -> source line, for signal names.
    """
    if types is None:
        from ...hdl.maps.registry import MAP_TYPES  # loads every map type

        types = MAP_TYPES
    units = map_units(graph, schedule, maps, types, frame_cycles)
    tables = {name: spec.table for name, spec in maps.items() if types[spec.type].holds_maps}
    inner = {name: [each for each in table.held if each in units] for name, table in tables.items() if table}
    return Pipeline(
        graph, schedule, maps, units, inner, width=width, max_frame=max_frame, queue=queue, line_of=line_of
    )
