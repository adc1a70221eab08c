"""The device for one program: its pipeline inside the datapath."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from ...hdl.control import Identity
from ...hdl.datapath import Datapath
from ...hdl.maps.base import MapPlugin
from ...hdl.target import Target
from ..graph.ir import Graph, Node
from ..schedule.plan import Schedule
from ..spec import MapSpec
from .pipeline import Pipeline
from .stages import LineOf


def device(
    program: str,
    graph: Graph,
    schedule: Schedule,
    maps: Mapping[str, MapSpec],
    types: Mapping[int, MapPlugin],
    target: Target,
    *,
    bins: int = 1024,
    line_of: LineOf | None = None,
) -> Datapath:
    """The datapath of a scheduled graph; as Verilog (`verilog(device, "hardpath")`) it has the ports of
    docs/architecture.md.

    ``bins``: of each latency histogram. The rest as for `emit`. Raises `InputError` for a target that no device can
    have, `Refused` for maps that the control bus cannot reach.
    """
    # One frame can keep egress busy for all its beats, while frames of one beat come out of the pipeline.
    frame_beats = -(-target.max_frame // target.width)
    pipeline = Pipeline(graph, schedule, maps, types, queue=max(frame_beats, 2), line_of=line_of)
    start = graph.outputs["start"]
    return Datapath(
        pipeline,
        identity=Identity(
            program=program,
            width=target.width,
            window=graph.window,
            headroom=graph.headroom,
            max_frame=target.max_frame,
            maps=list(maps.values()),
            stalls=pipeline.stall_names,
            digest=digest(program, graph, schedule, maps, target),
            bins=bins,
        ),
        in_flight=pipeline.latency + max(frame_beats, 2),
        start=start.attr if start.op == "const" else None,
        tail_fixed=ends_as_received(graph),
    )


def ends_as_received(graph: Graph) -> bool:
    """Whether ``limit`` always is the end of the received frame. (Where this is not seen, the hardware compares.)"""
    node: Node = graph.outputs["limit"]
    if node.op == "add" and node.args[1].op == "const" and node.args[1].attr == graph.headroom:
        node = node.args[0]
    elif graph.headroom:
        return False
    return node.op == "input" and node.attr == "length"


def digest(
    program: str, graph: Graph, schedule: Schedule, maps: Mapping[str, MapSpec], target: Target
) -> bytes:
    """SHA-256 over everything that a device is made from."""
    state = hashlib.sha256()
    parts = [program, target, graph.window, graph.headroom, *maps.values(), *graph.nodes, *graph.order]
    parts += [sorted((name, node.id) for name, node in graph.outputs.items()), schedule]
    for part in parts:
        state.update(repr(part).encode() + b"\n")
    return state.digest()
