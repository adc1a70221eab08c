"""From a scheduled graph to its pipeline: an ordinary Amaranth component made of `hdl` parts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import data, fifo, stream, wiring
from amaranth.lib.wiring import In, Out

from ...hdl.area import Area
from ...hdl.errors import Refused
from ...hdl.frame_store import UNIT, FillSignature, FrameStore, FrameStoreShape, read_kind
from ...hdl.interlock import Interlock
from ...hdl.maps.unit import HostSignature, MapUnit, SiteSignature, offsets
from ...hdl.pipeline import HostGate, StageControl
from ...hdl.stream import register_behind
from ..graph.ir import INPUTS, Graph, Node
from ..schedule.plan import Schedule
from ..spec import MapSpec
from . import area
from .hazards import Hazard, hazards
from .liveness import Liveness
from .ports import UnitPorts, unit_ports
from .stages import LineOf, Values
from .units import late_inserts, sites_of
from .wires import Wires

OWN_INPUTS = ("frame_index", "place")
"""Inputs of the graph that the pipeline makes by itself."""


class Pipeline(wiring.Component):
    """A program as hardware, with ``units`` for the maps. Attributes besides the ports:

    ``input`` In stream of ``window`` (8*H bits), ``length``, ``ifindex``, ``rx_queue``, ``time_ns``;
    ``output`` Out stream of the graph's outputs (fields by their names). One frame every ``schedule.ii`` cycles, in
    order; an output appears as many cycles after its input as there are stages, plus one for the output queue, plus
    stalls. ``hosts``: map name -> its host port (`HostSignature`). ``stall_causes`` Out: bit i is high in
    every cycle in which ``stall_names[i]`` holds a frame back. ``hazards``: what the interlocks watch.
    ``holds``: cycles for which each map holds a frame that uses it, at most; ``frame_hold``: all of them together.
    ``frame_cycles``: from a frame to the next that does not meet it, at most; ``worst_cycles``: to one that does.
    ``latency``: cycles from input to output without stalls. ``in_flight``: frames that can be between input and
    output. ``store``: how frames get into the frame store (`FillSignature`), which the frame that comes next has
    entered whole; None if the graph reads none. ``store_shape``: its size. ``tap``: a port that reads the store for the
    tails of events while their frame is on ``output``; None if there are none.

    ``inner``: for each map of maps, those of the maps that its slots can hold.
    ``queue``: frames the output queue holds. Frames cannot close up to each other inside the pipeline, so the
    queue has to take in what arrives while a long frame is being sent.
    """

    def __init__(
        self,
        graph: Graph,
        schedule: Schedule,
        maps: Mapping[str, MapSpec],
        units: Mapping[str, MapUnit],
        inner: Mapping[str, Sequence[str]],
        *,
        width: int = 64,
        max_frame: int = 2048,
        queue: int = 32,
        line_of: LineOf | None = None,
    ) -> None:
        self._graph = graph
        self.schedule = schedule
        self._line_of = line_of
        self.queue = queue
        self._wires = Wires(graph, schedule)
        self.hazards = hazards(graph, schedule, self._wires)
        self.latency = schedule.stages + 1
        self.in_flight = schedule.frames + 1 + queue
        self._sites = {name: sites_of(graph, schedule, name) for name in (*maps, UNIT)}
        for node, stage in schedule.sites(graph):
            if stage + offsets(node.attr.kind) > schedule.stages:
                raise ValueError(f"{node} in stage {stage} of {schedule.stages} does not end inside the pipeline")
        self._units = units
        self._inner = inner
        self.holds = {name: unit.frame_hold for name, unit in units.items()}
        self.frame_hold = sum(self.holds.values())
        self.frame_cycles = schedule.ii + self.frame_hold
        self.worst_cycles = self.frame_cycles + max((hazard.cost for hazard in self.hazards), default=0)
        for name in maps:
            self._check_drain(name)
        reads = [site.attr.kind for site in self._sites[UNIT]]
        self._tails = any(kind.tail for kind in graph.events)
        if self._tails:
            reads.append(read_kind(width))
        frames = schedule.frames + 1 + (queue if self._tails else 0)
        self.store_shape = FrameStoreShape.of(width, max_frame, frames, schedule.ii) if reads else None
        self._store = FrameStore(self.store_shape, reads) if self.store_shape else None
        self.stall_names = (
            *(f"{unit} {cause}" for unit in maps for cause in ("interlock", "unit", "host")),
            "output",
        )

        inputs = {name: width for name, width in INPUTS.items() if name not in OWN_INPUTS}
        outputs = {name: node.width for name, node in graph.outputs.items()}
        super().__init__(
            {
                "input": In(stream.Signature(data.StructLayout({"window": 8 * graph.window, **inputs}))),
                "output": Out(stream.Signature(data.StructLayout(outputs))),
                "stall_causes": Out(len(self.stall_names)),
                **{f"host_{i}": Out(HostSignature(spec)) for i, spec in enumerate(maps.values())},
                **({"store_fill": Out(FillSignature(width))} if reads else {}),
                **({"store_tap": Out(SiteSignature(read_kind(width)))} if self._tails else {}),
            }
        )
        self.store = self.store_fill if reads else None
        self.tap = self.store_tap if self._tails else None
        self.hosts: Mapping[str, Any] = {name: getattr(self, f"host_{i}") for i, name in enumerate(maps)}

    @cached_property
    def area(self) -> dict[str, Area]:
        """An estimate of what its parts take, before there is any Verilog."""
        liveness = Liveness(self._graph, self.schedule, self._wires, self.hazards)
        parts = {
            "operators": area.logic(self._graph),
            "stages": area.between_stages(self._graph, self.schedule, liveness),
            "interlocks": area.interlocks(self.hazards),
        }
        if self._store is not None:
            parts[UNIT] = area.unit(self._store)
        return parts | {f"map {name}": area.unit(unit) for name, unit in self._units.items()}

    @cached_property
    def ports(self) -> dict[str, UnitPorts]:
        """For each map, the ports that its memories have and how accesses share them."""
        return {
            name: unit_ports(unit, self._sites[name], [hazard for hazard in self.hazards if hazard.unit == name])
            for name, unit in self._units.items()
        }

    def host_stall(self, name: str) -> int:
        """Cycles that one operation of the host on a map holds frames back, at most.

        Until the map's stages are empty behind the first, and until the operation is done. Frames in these stages may
        have to wait for each other as always: each at most as long as the longest interlock, since a frame that waits
        holds those behind it, so that distances never shrink and one that has waited is far enough from all others.
        Not counted: waiting for who takes the output, and walks to overflowed keys.
        """
        if not self._sites[name]:
            return 0
        held = self._drain(name) + self._units[name].host_hold
        # Frames that are inside may make units pause once more each.
        first, last = self._region(name)
        for other, unit in self._units.items():
            if unit.pause:
                begin, end = self._region(other)
                frames = self.schedule.frames_in(max(last, end) - first)
                held += frames * (unit.pause if other == name else self.pause(other) if first < begin <= last else 0)
        return held

    def pause(self, name: str) -> int:
        """Cycles for which a map holds frames back because of one access of a frame, by itself and not always, at most;
        0: it never does. Where several frames ask for it at a time, it is one pause, not longer than all of theirs."""
        unit = self._units[name]
        return self._drain(name) + unit.pause if unit.pause else 0

    def _drain(self, name: str) -> int:
        """Cycles until the stages of a map are empty behind the first, if no unit pauses meanwhile."""
        first, last = self._region(name)
        inside = range(first + 1, last + 1)
        waits = max((hazard.cost for hazard in self.hazards if hazard.stage in inside), default=0)
        for other, unit in self._units.items():
            stages = [
                k for site in self._sites[other]
                for k in range(self.schedule.issue(site), self.schedule.issue(site) + offsets(site.attr.kind))
            ]  # fmt: skip
            waits += unit.site_hold * any(k in inside for k in stages)
        return len(inside) + self.schedule.frames_in(len(inside)) * waits

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        stages = self.schedule.stages
        regions = {unit: self._region(unit) for unit in self._units if self._sites[unit]}
        stalling = {hazard.stage for hazard in self.hazards} | {region[0] for region in regions.values()}
        for node, stage in self.schedule.sites(self._graph):
            if node.attr.unit != UNIT:
                stalling.update(range(stage, stage + offsets(node.attr.kind)))
        m.submodules.control = control = StageControl(stages, stalling, self.schedule.ii)

        liveness = Liveness(self._graph, self.schedule, self._wires, self.hazards)
        values = Values(m, control, self.schedule, self._wires, liveness, self._line_of)
        stalls = _Stalls(control)
        for i, (name, unit) in enumerate(self._units.items()):
            m.submodules[f"map_{i}_{_identifier(name)}"] = unit
            wiring.connect(m, unit.host, wiring.flipped(self.hosts[name]))
            if name in regions:
                self._gate(m, unit, name, regions[name], stalls)
            else:
                m.d.comb += unit.host_grant.eq(unit.host_request)

        self._accept(m, control, values)
        ports = {
            site: port
            for unit, hardware in self._units.items()
            for site, port in zip(self._sites[unit], hardware.sites, strict=True)
        }
        if self._store is not None:
            m.submodules.store = store = self._store
            wiring.connect(m, store.fill, wiring.flipped(self.store_fill))
            leave, sites = control.output_valid & control.output_ready, store.sites
            if self.tap is not None:
                leave, (*sites, tap) = self.output.valid & self.output.ready, sites
                wiring.connect(m, tap, wiring.flipped(self.tap))
            m.d.comb += [store.enter.eq(self.input.valid & self.input.ready), store.leave.eq(leave)]
            ports |= zip(self._sites[UNIT], sites, strict=True)
        for node in self._graph.nodes:
            if node.op == "site":
                self._access(m, node, ports[node], values, stalls)
            elif node.op != "input":
                values.compute(node)
        for hazard in self.hazards:
            self._interlock(m, hazard, values, stalls)
        self._deliver(m, control, values)
        values.finish()
        for k, module in enumerate(values.modules):
            m.submodules[f"stage_{k}"] = module
        stalls.connect(m, self.stall_names, self.stall_causes)
        return m

    def _accept(self, m: Module, control: StageControl, values: Values) -> None:
        """The input stream, and the count of frames."""
        frame_index = Signal(INPUTS["frame_index"])
        m.d.comb += [control.input_valid.eq(self.input.valid), self.input.ready.eq(control.input_ready)]
        with m.If(self.input.valid & self.input.ready):
            m.d.sync += frame_index.eq(frame_index + 1)
        own: dict[str, Value] = {"frame_index": frame_index}
        if self._store is not None:
            own["place"] = self._store.place
        for node in self._graph.nodes:
            if node.op == "input":
                values.define(node, own[node.attr] if node.attr in own else Value.cast(self.input.payload[node.attr]))

    def _deliver(self, m: Module, control: StageControl, values: Values) -> None:
        """The output stream, behind its queue, which is a register if it holds one frame."""
        last = self.schedule.stages - 1
        outputs = Cat(values.at(node, last) for node in self._graph.outputs.values())
        if self.queue == 1:
            payload = register_behind(m, self.output.payload)
            m.d.comb += control.output_ready.eq(~self.output.valid)
            with m.If(self.output.ready):
                m.d.sync += self.output.valid.eq(0)
            with m.If(control.output_valid & control.output_ready):
                m.d.sync += [Value.cast(payload).eq(outputs), self.output.valid.eq(1)]
        else:
            m.submodules.queue = queue = fifo.SyncFIFO(width=len(outputs), depth=self.queue)
            m.d.comb += [
                queue.w_data.eq(outputs),
                queue.w_en.eq(control.output_valid),
                control.output_ready.eq(queue.w_rdy),
                self.output.payload.eq(queue.r_data),
                self.output.valid.eq(queue.r_rdy),
                queue.r_en.eq(self.output.ready),
            ]
        m.d.comb += self.stall_causes[self.stall_names.index("output")].eq(control.blocked)

    def _access(self, m: Module, node: Node, port: Any, values: Values, stalls: _Stalls) -> None:
        """One site and its port of the unit."""
        kind, issue = node.attr.kind, self.schedule.issue(node)
        stages = range(issue, issue + offsets(kind))
        control = stalls.control
        predicate, *operands = node.args
        m.d.comb += [
            port.valid.eq(Cat(control.valid[k] & values.at(predicate, k) for k in stages)),
            port.enable.eq(Cat(control.enable[k] for k in stages)),
        ]
        for (name, _), operand in zip(kind.operands, operands, strict=True):
            m.d.comb += getattr(port.operands, name).eq(values.at(operand, issue))
        for k in stages if node.attr.unit != UNIT else ():
            stalls.add(k, f"{node.attr.unit} unit", port.stall[k - issue])
        if kind.results:
            values.define(node, Cat(getattr(port.results, name) for name, _ in kind.results))

    def _interlock(self, m: Module, hazard: Hazard, values: Values, stalls: _Stalls) -> None:
        """The comparators of one hazard."""
        tags, x = hazard.tags, hazard.stage
        interlock = Interlock(tags[0].width if tags else 0, hazard.compared)
        name = f"interlock_{_identifier(hazard.unit)}_{hazard.early.attr.number}_{hazard.late.attr.number}"
        m.submodules[name] = interlock
        valid = stalls.control.valid
        m.d.comb += interlock.active.eq(valid[x] & values.at(hazard.early.args[0], x))
        if tags:
            m.d.comb += interlock.tag.eq(values.at(tags[0], x))
        for j, k in enumerate(hazard.window):
            m.d.comb += interlock.older_active[j].eq(valid[k] & values.bound(hazard.bounds[j], k))
            if tags and (older_tag := interlock.older_tag[j]) is not None:
                m.d.comb += older_tag.eq(values.at(tags[1], k))
        stalls.add(x, f"{hazard.unit} interlock", interlock.conflict)

    def _region(self, unit: str) -> tuple[int, int]:
        """The first stage in which a frame touches a unit, and the last one in which it does or has a result of it, or
        of a map that it got from there: when the host has switched a slot, nobody uses the map that was in it
        (maybe_wait_bpf_programs in kernel/bpf/syscall.c)."""
        kinds = [(self.schedule.issue(site), site.attr.kind) for site in self._sites[unit]]
        used = [site for name in (unit, *self._inner.get(unit, ())) for site in self._sites[name]]
        last = max(self.schedule.issue(site) + offsets(site.attr.kind) - 1 for site in used)
        return min(s + kind.touch[0] for s, kind in kinds), last

    def _check_drain(self, name: str) -> None:
        """Raise `Refused` if frames may insert more into a unit than it can stand when it asks for its turn."""
        spare = self._units[name].spare
        if spare is None or not self._sites[name]:
            return
        inserts = late_inserts(self._graph, self.schedule, name)
        if inserts > spare:
            first = self._region(name)[0]
            last = max(self.schedule.issue(site) + site.attr.kind.touch[1] for site in self._sites[name])
            raise Refused(
                f"frames use map {name} over {last - first} stages, so they may insert {inserts} keys from the first "
                f"that is too many to the pause in which old entries go; the hardware has room for {spare}",
                f"build it smaller (--map-size {name}=ENTRIES), so that the memory that it may take has room for more; "
                "update the map in fewer places, and closer to where it is looked up; a larger initiation interval "
                "(--ii) lets fewer frames in at a time",
            )

    def _gate(self, m: Module, unit: MapUnit, name: str, region: tuple[int, int], stalls: _Stalls) -> None:
        """The host's way into a unit that frames use."""
        first, last = region
        valid = stalls.control.valid
        m.submodules[f"gate_{_identifier(name)}"] = gate = HostGate(last - first)
        m.d.comb += [
            gate.request.eq(unit.host_request),
            unit.host_grant.eq(gate.grant),
            gate.waiting.eq(valid[first]),
            gate.inside.eq(Cat(valid[first + 1 : last + 1])),
        ]
        stalls.add(first, f"{name} host", gate.stall)


class _Stalls:
    """Collects who holds frames back where."""

    def __init__(self, control: StageControl) -> None:
        self.control = control
        self._by_stage: dict[int, list[Value]] = {}
        self._by_name: dict[str, list[Value]] = {}

    def add(self, stage: int, name: str, stall: Value) -> None:
        self._by_stage.setdefault(stage, []).append(stall)
        self._by_name.setdefault(name, []).append(stall & self.control.valid[stage])

    def connect(self, m: Module, names: tuple[str, ...], causes: Value) -> None:
        for stage, stalls in self._by_stage.items():
            m.d.comb += self.control.stall[stage].eq(Cat(*stalls).any())
        for i, name in enumerate(names):
            if name in self._by_name:
                m.d.comb += causes[i].eq(Cat(*self._by_name[name]).any())


def _identifier(name: str) -> str:
    """A map's name for a place where only identifiers may stand (global data has names such as ``.rodata``)."""
    return re.sub(r"\W", "_", name)
