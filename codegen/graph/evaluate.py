"""Running a graph on one frame in Python, maps included: the oracle between interpreter and netlist."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from ...hdl.frame_store import UNIT
from ...hdl.helpers.events import Event, tail_of
from ...hdl.maps.base import MapModel, MapPlugin
from ...hdl.maps.registry import MAP_TYPES
from ...hdl.operators import OPERATORS
from ...hdl.verdicts import BROADCAST, XDP_PASS, XDP_REDIRECT, XDP_TX, interfaces_of
from ..spec import MapSpec
from .ir import Graph, Node, event_output

SENT = (XDP_PASS, XDP_TX, XDP_REDIRECT, BROADCAST)
"""Verdicts with a frame: PASS, TX, REDIRECT, and one that goes to several interfaces."""

Step = Callable[[list[int], Mapping[str, int]], int]
"""A node's value from those of the nodes in front of it, by id, and the graph's inputs."""


@dataclass(frozen=True, slots=True)
class Result:
    """``verdict``: 0..4. ``frame``: the outgoing bytes, None for dropped frames. ``redirect``: the target's ifindex,
    of a broadcast those of all.
    ``events``: what the host is told."""

    verdict: int
    frame: bytes | None
    redirect: int | tuple[int, ...]
    events: tuple[Event, ...] = ()


class Evaluator:
    """A graph and the maps it works on; frames run one after the other.

    ``models``: map name -> its reference model, kept over frames (made fresh where not given).
    """

    def __init__(
        self,
        graph: Graph,
        maps: Mapping[str, MapSpec],
        models: Mapping[str, MapModel] | None = None,
        map_types: Mapping[int, MapPlugin] = MAP_TYPES,
    ) -> None:
        self.graph = graph
        units = {n.attr.unit for n in graph.nodes if n.op == "site"} - {UNIT}
        self.models = dict(models or {})
        self._plugins = {name: map_types[maps[name].type] for name in units}
        for name in units:
            if name not in self.models:
                self.models[name] = self._plugins[name].model(maps[name])
        self._steps = [self._step(node) for node in graph.nodes]

    def _step(self, node: Node) -> Step:
        ids = [a.id for a in node.args]
        if node.op == "const":
            value: int = node.attr
            return lambda v, inputs: value
        if node.op == "input":
            name: str = node.attr
            return lambda v, inputs: inputs[name]
        if node.op == "site":
            return self._site(node, ids)
        if quick := _quick_step(node, ids):
            return quick
        operator, width, attr = OPERATORS[node.op], node.width, node.attr
        widths = [a.width for a in node.args]
        evaluate = operator.evaluate
        return lambda v, inputs: evaluate(width, attr, widths, [v[i] for i in ids])

    def _site(self, node: Node, ids: list[int]) -> Step:
        kind: Any = node.attr.kind
        if node.attr.unit == UNIT:
            offset, mask = ids[kind.operand("offset")], (1 << kind.result_width) - 1
            return lambda v, inputs: inputs["frame"] >> 8 * v[offset] & mask
        plugin, model = self._plugins[node.attr.unit], self.models[node.attr.unit]

        def run(v: list[int], inputs: Mapping[str, int]) -> int:
            if not v[ids[0]]:
                return 0
            return plugin.evaluate_site(model, kind, [v[i] for i in ids[1:]])

        return run

    def outputs(self, inputs: Mapping[str, int]) -> dict[str, int]:
        """Values of the graph's outputs for one frame's inputs (see `ir.INPUTS`; ``window`` as a number, ``frame``
        likewise if there are reads of the frame store)."""
        values: list[int] = []
        for step in self._steps:
            values.append(step(values, inputs))
        return {name: values[node.id] for name, node in self.graph.outputs.items()}

    def run(
        self, frame: bytes, *, ifindex: int = 1, rx_queue: int = 0, time_ns: int = 0, frame_index: int = 0
    ) -> Result:
        """One frame through the graph."""
        inputs = {
            "window": int.from_bytes(frame[: self.graph.window], "little"),
            "length": len(frame),
            "ifindex": ifindex,
            "rx_queue": rx_queue,
            "time_ns": time_ns,
            "frame_index": frame_index,
            "place": 0,
            "frame": int.from_bytes(frame, "little"),
        }
        outputs = self.outputs(inputs)
        return replace(deparse(self.graph, outputs, frame), events=_events(self.graph, outputs, frame))


def _quick_step(node: Node, ids: list[int]) -> Step | None:
    """What `Operator.evaluate` says, without the detour, for the operators of which large graphs have the most by far;
    None for others."""
    match node.op, ids:
        case "slice", [a]:
            low, mask = node.attr, (1 << node.width) - 1
            return lambda v, inputs: v[a] >> low & mask
        case "and", [a, b]:
            return lambda v, inputs: v[a] & v[b]
        case "or", [a, b]:
            return lambda v, inputs: v[a] | v[b]
        case "mux", [select, a, b]:
            return lambda v, inputs: v[a] if v[select] else v[b]
    return None


def _events(graph: Graph, outputs: Mapping[str, int], frame: bytes) -> tuple[Event, ...]:
    """What a frame tells the host."""
    events = []
    for number, kind in enumerate(graph.events):
        value = outputs[event_output(number)]
        if not value & 1:
            continue
        size, start = tail_of(value >> 1) if kind.tail else (0, 0)
        events.append(kind.decode(value >> 1, frame[start : start + size]))
    return tuple(events)


def deparse(graph: Graph, outputs: Mapping[str, int], frame: bytes) -> Result:
    """What egress makes of the outputs and the stored frame (`hdl/egress.py` in one step)."""
    verdict = outputs["verdict"]
    redirect: int | tuple[int, ...] = outputs["redirect"]
    if verdict not in SENT:
        return Result(verdict, None, redirect)
    size = graph.headroom + graph.window
    stored = outputs["window"].to_bytes(size, "little") + frame[graph.window :]
    start, length, limit = outputs["start"], outputs["length"], outputs["limit"]
    if verdict == BROADCAST:
        verdict, redirect = XDP_REDIRECT, interfaces_of(outputs["redirect"])
    tail = stored[: max(limit, size)][start : start + length]
    return Result(verdict, tail.ljust(length, b"\0"), redirect)
