"""What a compiled design consists of: its report as JSON and as text."""

from __future__ import annotations

from dataclasses import asdict, replace
from itertools import groupby
from typing import Any

from ..codegen.emit import Hazard, hazards
from ..codegen.flow import Design
from ..codegen.map_names import map_type_name
from ..codegen.schedule import ScheduleReport, report
from ..codegen.spec import MapSpec, ProgramSpec
from ..hdl.area import DEVICES, Area, verdict
from ..hdl.errors import Refused
from ..hdl.frame_store import UNIT as STORE
from ..hdl.line_rate import carried_gbps
from ..hdl.plural import counted

NOWHERE = "a join of paths"
"""What makes a node that no line stands for."""


def document(design: Design) -> dict[str, Any]:
    """The report for JSON. Times in ns, sizes in bytes unless the name says bits."""
    stages = report(design.graph, design.schedule, design.target)
    target = design.target
    return {
        "program": design.program.name,
        "section": design.program.section,
        "digest": design.digest.hex(),
        "target": {"clock_mhz": target.clock_mhz, "width": target.width, "max_frame": target.max_frame},
        "window": design.graph.window,
        "headroom": design.graph.headroom,
        "frame_store": _frame_store(design),
        "initiation_interval": design.schedule.ii,
        "maps_hold_cycles": design.pipeline.frame_hold,
        "carries_gbps": _carried(design, design.frame_cycles),
        "carries_at_worst_gbps": _carried(design, design.worst_cycles),
        "intervals": _intervals(design),
        "area": _area(design),
        "stages": design.schedule.stages,
        "register_bits": stages.register_bits,
        "longest": {"stage": stages.critical.number, "ns": round(stages.critical.ns, 3)},
        "budget_ns": round(stages.budget_ns, 3),
        "overruns": [
            {"at": line(design.program, node.slot), "ns": round(ns, 3)} for node, ns in stages.overruns
        ],
        "maps": [_map(design, spec) for spec in design.known_maps.values()],
        "stage": [
            {
                "number": s.number,
                "ns": round(s.ns, 3),
                "register_bits": s.register_bits,
                "instructions": s.slots,
            }
            for s in stages.stages
        ],
    }


def _area(design: Design) -> dict[str, Any]:
    """The estimate, whole and by parts, and which ECP5 it fits into."""
    total = sum(design.area.values(), Area())
    share, resource = DEVICES[-1].share(total)
    return {
        **total.figures(),
        "verdict": verdict(total),
        "largest": {"device": DEVICES[-1].name, "share": round(share, 3), "resource": resource},
        "parts": {name: part.figures() for name, part in design.area.items()},
    }


def _carried(design: Design, cycles: int) -> float:
    """Gb/s of a line with which the hardware keeps up if a frame takes so many cycles at least."""
    target = design.target
    return round(carried_gbps(target.width, target.clock_mhz, cycles, target.max_frame), 2)


def _intervals(design: Design) -> list[dict[str, Any]]:
    """What other initiation intervals would make of the area, with these stages."""
    stages, own = design.schedule.stages, design.target.ii
    rows = []
    for ii in sorted({own, stages, *(1 << i for i in range(stages.bit_length()) if 1 << i < stages)}):
        try:
            other = design if ii == own else design.with_interval(ii)
        except Refused:
            continue  # with so many frames in the pipeline a map cannot work
        rows.append({
            "ii": ii,
            "carries_gbps": _carried(other, other.frame_cycles),
            "worst_cycles": other.worst_cycles,
            **sum(other.area.values(), Area()).figures(),
        })
    return rows


def area_text(facts: dict[str, Any]) -> str:
    """The estimate in a line."""
    return (
        f"about {facts['lut4']:,} LUT4, {facts['flip_flops']:,} flip-flops, "
        f"{counted(facts['block_rams'], 'block RAM')}: {facts['verdict']}"
    )


def _frame_store(design: Design) -> dict[str, Any] | None:
    """The memory behind the window: its bytes (one copy for each read port) and the reads."""
    shape = design.pipeline.store_shape
    if shape is None:
        return None
    reads = [node for node, _ in design.schedule.sites(design.graph) if node.attr.unit == STORE]
    return {
        "beats": shape.beats,
        "bytes": shape.beats * shape.width,
        "reads": [line(design.program, node.slot) for node in reads],
    }


def _map(design: Design, spec: MapSpec) -> dict[str, Any]:
    found = [hazard for hazard in design.pipeline.hazards if hazard.unit == spec.name]
    return {
        "name": spec.name,
        "type": map_type_name(spec.type),
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": spec.max_entries,
        "mechanism": mechanism(design, spec.name),
        "host_stall_cycles": design.pipeline.host_stall(spec.name) if spec.name in design.maps else 0,
        "pause_cycles": design.pipeline.pause(spec.name) if spec.name in design.maps else 0,
        "holds_cycles": design.pipeline.holds.get(spec.name, 0),
        "worst_cycles_per_frame": design.schedule.ii
        + design.pipeline.holds.get(spec.name, 0)
        + max((hazard.cost for hazard in found), default=0),
        "hazards": [_hazard(design.program, hazard) for hazard in found],
        "ports": asdict(design.pipeline.ports[spec.name]) if spec.name in design.maps else None,
    }


def _hazard(program: ProgramSpec, hazard: Hazard) -> dict[str, Any]:
    return {
        "access": hazard.early.attr.kind.name,
        "stage": hazard.stage,
        "at": line(program, hazard.early.slot),
        "waits_for": hazard.late.attr.kind.name,
        "waits_for_at": line(program, hazard.late.slot),
        "in_stages": [hazard.window[0], hazard.window[-1]],
        "whatever_the_key": hazard.tags is None,
        "worst_cycles": hazard.cost,
    }


def mechanism(design: Design, name: str) -> str:
    """How a map keeps frames in flight from seeing stale state, in a few words."""
    if name in design.constants:
        return "constants in the logic"
    if name in design.buffers:
        return "events, in the order of frames"
    kinds = [node.attr.kind for node, _ in design.schedule.sites(design.graph) if node.attr.unit == name]
    if not kinds:
        return "only the host's"
    if any(hazard.unit == name for hazard in design.pipeline.hazards):
        return "interlock on the key"
    if not any(kind.writes for kind in kinds):
        return "only read by the program"
    if any(hazard.unit == name for hazard in hazards(design.graph, replace(design.schedule, ii=1))):
        return "one frame at a time" if design.schedule.frames == 1 else "frames too far apart to meet"
    return "atomic unit with forwarding"


def line(program: ProgramSpec, slot: int | None) -> str | None:
    """Where an instruction comes from: ``file:line`` or, without line information, its number."""
    if slot is None:
        return None
    source = program.line_of(slot)
    return f"instruction {slot}" if source is None else f"{source.file}:{source.line}"


def _store_text(store: dict[str, Any] | None) -> list[str]:
    if store is None:
        return []
    return [f"frame store  {store['bytes']} bytes behind each of {len(store['reads'])} reads at far or variable places"]


def text(design: Design) -> str:
    """The report for people."""
    facts, stages = document(design), report(design.graph, design.schedule, design.target)
    target = design.target
    lines = [
        f"{facts['program']} (section {facts['section']})",
        "",
        f"target       {target.width} bytes a beat, {target.clock_mhz:g} MHz, frames up to {target.max_frame} bytes",
        f"throughput   {_throughput(design)}",
        f"line rate    {_line_rate(facts)}",
        f"window       {facts['window']} bytes of the frame's front, {facts['headroom']} bytes of headroom",
        *_store_text(facts["frame_store"]),
        f"pipeline     {counted(facts['stages'], 'stage')}, {facts['register_bits']} register bits",
        f"area         {area_text(facts['area'])}",
        f"clock        {_clock(stages)}",
        f"digest       {facts['digest']}",
    ]
    for each in facts["maps"]:
        lines += ["", *_map_text(each)]
    lines += ["", *_intervals_text(facts["intervals"], design.target.ii)]
    return "\n".join([*lines, "", stages.text(lambda node: line(design.program, node.slot) or NOWHERE), ""])


def _throughput(design: Design) -> str:
    ii = design.schedule.ii
    hold = design.pipeline.frame_hold
    at_least = (f", at least {ii}" if ii > 1 else "") + (f", in maps up to {hold} more" if hold else "")
    beats = f"ceil(bytes / {design.target.width})"
    return f"a frame every {beats} cycles{at_least}, of the longer of frame in and frame out"


def _line_rate(facts: dict[str, Any]) -> str:
    carried, at_worst = facts["carries_gbps"], facts["carries_at_worst_gbps"]
    meeting = f", {at_worst:g} Gb/s if each waits for the one before" if at_worst < carried else ""
    pauses = "; evictions from LRU maps come on top" if any(each["pause_cycles"] for each in facts["maps"]) else ""
    return f"keeps up with {carried:g} Gb/s of frames of any length{meeting}{pauses}"


def _intervals_text(rows: list[dict[str, Any]], own: int) -> list[str]:
    """Area against initiation interval."""
    lines = [
        "initiation interval (--ii: cycles from one frame to the next), and what it makes of the hardware",
        "cycles at worst    Gb/s     LUT4 flip-flops block RAMs multipliers",
    ]
    for row in rows:
        lines.append(
            f"{row['ii']:>6} {row['worst_cycles']:>8} {row['carries_gbps']:>7g} {row['lut4']:>8,} "
            f"{row['flip_flops']:>10,} {row['block_rams']:>10,} {row['multipliers']:>11,}"
            + ("  this one" if row["ii"] == own else "")
        )
    return lines


def _clock(stages: ScheduleReport) -> str:
    longest = f"longest chain {stages.critical.ns:.2f} of {stages.budget_ns:.2f} ns, in stage {stages.critical.number}"
    return f"{longest}; the target's clock will not be reached" if stages.overruns else longest


def _map_text(facts: dict[str, Any]) -> list[str]:
    lines = [
        f"map {facts['name']}: {facts['type']}, key {facts['key_size']}, value {facts['value_size']}, "
        f"{facts['max_entries']} entries",
        f"  {facts['mechanism']}; at worst {counted(facts['worst_cycles_per_frame'], 'cycle')} a frame; "
        f"an operation of the host holds frames {facts['host_stall_cycles']} cycles at most",
    ]
    if facts["pause_cycles"]:
        longest = facts["pause_cycles"]
        lines.append(f"  an old key that goes for a new one, if the map is full, holds frames {longest} cycles at most")
    for each in facts["hazards"]:
        tags = "any key" if each["whatever_the_key"] else "same key"
        lines.append(
            f"  {each['access']} in stage {each['stage']} ({each['at']}) waits for {each['waits_for']} "
            f"({each['waits_for_at']}) of older frames, {tags}: {counted(each['worst_cycles'], 'cycle')} at most"
            + (", and as long as the map holds these" if facts["holds_cycles"] else "")
        )
    return lines + (_ports_text(facts["ports"]) if facts["ports"] else [])


def _ports_text(ports: dict[str, Any]) -> list[str]:
    accesses = f"{ports['accesses']} in the program"
    if ports["sites"] < ports["accesses"]:
        accesses += f", {ports['sites']} in hardware, as some exclude each other"
    if ports["writers"] > 1:
        sharing = f"at worst one waits {ports['wait']} cycles" if ports["wait"] else "they exclude each other"
        accesses += f"; {ports['writers']} that write share the one port for it: {sharing}"
    lines = [f"  accesses: {accesses}"]
    by_kind = groupby(ports["memories"], lambda memory: (memory["name"].rstrip("0123456789"), memory["read_ports"]))
    for (_, copies), group in by_kind:
        memories = list(group)
        names = f"memory {memories[0]['name']}" + (f" to {memories[-1]['name']}" if len(memories) > 1 else "")
        sizes = [memory["rows"] * memory["bits"] for memory in memories]
        blocks = sum(memory["block_rams"] for memory in memories)
        each = f"{copies} copies, one for each port to read" if copies > 1 else "one copy"
        lines.append(f"  {names}: {sum(sizes)} bits, {each}, {counted(blocks, 'block RAM') if blocks else 'in LUTs'}")
    return lines
