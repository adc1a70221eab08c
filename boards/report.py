"""What a build is like: as JSON and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..codegen.flow import Design
from ..codegen.spec import SourceLine
from ..hdl.area import DEVICES, Area
from ..hdl.errors import Refused
from ..hdl.line_rate import carried_gbps
from ..hdl.plural import counted
from .flow import Built
from .needs import needed_mhz
from .timing import Clock

DOMAINS = {"sync": "datapath", "tx": "lines out"}
"""What a user calls them; the others are the lines in, ``rx0`` and so on."""

INTERVALS = (16, 20, 24, 28, 32, 40, 48, 64, 84)
"""Initiation intervals that are tried by the estimate when something does not fit."""

MANY_LINES = 5
"""Lines of the program that are named when it does not fit."""


def document(built: Built, designs: Sequence[Design]) -> dict[str, Any]:
    """The report for JSON: clocks in MHz, paths in ns, areas in cells of the ECP5."""
    design, best, area = designs[0], built.best, built.synthesis.area
    share, scarcest = built.device.share(area)
    return {
        "program": design.program.name,
        "others": [other.program.name for other in designs[1:]],
        "board": built.board.name,
        "device": built.device.name,
        "ports": built.board.ports,
        "tools": list(map(str, built.toolchain)),
        "width": design.target.width,
        "stages": design.schedule.stages,
        "initiation_interval": design.schedule.ii,
        "worst_cycles": max(each.worst_cycles for each in designs),
        "latency_ns": round(1000 * design.pipeline.latency / built.files.clocks["sync"], 1),
        "needs_mhz": round(needed(built, designs), 3),
        "fits": built.fits,
        "share": round(share, 3),
        "scarcest": scarcest,
        "area": area.figures(),
        "parts": {name: part.figures() for name, part in built.synthesis.parts.items()},
        "lines": _lines(built, designs),
        "intervals": [] if built.fits else _intervals(built, designs),
        "holds_it": [device.name for device in DEVICES if device.share(area)[0] <= 1],
        "seed": best.seed if best else None,
        "meets_timing": best.meets if best else None,
        "seeds": {str(one.seed): round(one.slack, 3) for one in built.placements},
        "failed_seeds": {str(seed): why for seed, why in built.failures.items()},
        "clocks": [_clock(clock, _sources(designs)) for clock in best.clocks] if best else [],
        "used": {name: list(of) for name, of in best.used.items()} if best else {},
    }


def needed(built: Built, designs: Sequence[Design]) -> float:
    """MHz that the datapath needs for the line rate of its ports, every map access waiting for its predecessor."""
    ports = built.board.ports if len(designs) == 1 else 1
    return max(needed_mhz(design.target, ports, design.worst_cycles) for design in designs)


def _intervals(built: Built, designs: Sequence[Design]) -> list[dict[str, Any]]:
    """The least initiation interval with which all would fit if areas shrank as the estimate says; what it carries."""
    synthesized = built.synthesis.area
    own = sum((sum(design.area.values(), Area()) for design in designs), Area())
    for ii in (ii for ii in INTERVALS if ii > designs[0].target.ii):
        try:
            others = [design.with_interval(ii) for design in designs]
        except Refused:
            continue
        area = sum((sum(other.area.values(), Area()) for other in others), Area())
        rest = Area(
            max(0.0, synthesized.lut4 - own.lut4 + area.lut4),
            max(0, synthesized.flip_flops - own.flip_flops + area.flip_flops),
            max(0, synthesized.block_rams - own.block_rams + area.block_rams),
            max(0, synthesized.multipliers - own.multipliers + area.multipliers),
        )
        if built.device.share(rest)[0] <= 1:
            mhz = built.files.clocks["sync"]
            carried = min(
                carried_gbps(other.target.width, mhz, other.worst_cycles, other.target.max_frame) for other in others
            )
            return [{"ii": ii, "carries_gbps": round(carried, 2)}]
    return []


def _sources(designs: Sequence[Design]) -> dict[int, SourceLine]:
    """Lines by their numbers; of one program only, as names of signals tell no file: of two files with a line of that
    number, the first is meant."""
    if len(designs) > 1:
        return {}
    program = designs[0].program
    found = filter(None, map(program.line_of, range(len(program.instructions))))
    lines: dict[int, SourceLine] = {}
    for source in found:
        lines.setdefault(source.line, source)
    return lines


def _lines(built: Built, designs: Sequence[Design]) -> list[dict[str, Any]]:
    """Areas by line of the source, the largest first; none of several programs."""
    sources = _sources(designs)
    areas = built.synthesis.lines.items() if len(designs) == 1 else ()
    return [{"line": line, **_source(sources.get(line)), **area.figures()} for line, area in areas]


def _source(found: SourceLine | None) -> dict[str, str]:
    return {"file": found.file if found else "", "text": found.text.strip() if found else ""}


def _clock(clock: Clock, sources: Mapping[int, SourceLine]) -> dict[str, Any]:
    return {
        "domain": clock.domain,
        "mhz": round(clock.mhz, 3),
        "reached_mhz": None if clock.reached is None else round(clock.reached, 2),
        "meets": clock.meets,
        "path": [
            {
                "signal": hop.signal,
                "part": hop.part,
                "logic_ns": round(hop.logic_ns, 2),
                "routing_ns": round(hop.routing_ns, 2),
                "sources": list(hop.sources),
                "line": hop.line,
                **_source(None if hop.line is None else sources.get(hop.line)),
            }
            for hop in clock.path
        ],
    }


def text(facts: dict[str, Any]) -> str:
    """The report for people."""
    area = facts["area"]
    name = " and ".join([facts["program"], *facts["others"]])
    lines = [
        f"{name} on {facts['board']} ({facts['device']})",
        f"tools      {', '.join(facts['tools'])}",
        f"pipeline   {counted(facts['stages'], 'stage')}, {facts['latency_ns']:g} ns; "
        f"at worst {counted(facts['worst_cycles'], 'cycle')} from a frame to the next",
        f"area       {_cells(area)}: {facts['share']:.0%} of the {facts['scarcest']}",
        *(f"  {part:<20} {_cells(of)}" for part, of in facts["parts"].items()),
    ]
    if not facts["fits"]:
        return "\n".join([*lines, *_too_large(facts)])
    for clock in facts["clocks"]:
        lines.append(_clock_text(clock, facts))
    if facts["seed"] is None:
        return "\n".join([*lines, *(f"seed {seed}: {why}" for seed, why in facts["failed_seeds"].items())])
    if len(facts["seeds"]) > 1:
        lines.append(f"seeds      {facts['seed']} is the best of {', '.join(facts['seeds'])}")
    slow = [clock for clock in facts["clocks"] if not clock["meets"]]
    tightest = min(
        (clock for clock in facts["clocks"] if clock["reached_mhz"]),
        key=lambda clock: clock["reached_mhz"] / clock["mhz"],
    )
    for clock in slow or [tightest]:
        lines += _path_text(clock)
    return "\n".join([*lines, *(_too_slow(slow) if slow else [])])


def _cells(area: dict[str, int]) -> str:
    parts = [f"{area['lut4']:,} LUT4", f"{area['flip_flops']:,} flip-flops"]
    parts += [f"{area['block_rams']} block RAMs"] if area["block_rams"] else []
    parts += [f"{area['multipliers']} multipliers"] if area["multipliers"] else []
    return ", ".join(parts)


def _clock_text(clock: dict[str, Any], facts: dict[str, Any]) -> str:
    domain = clock["domain"]
    name = DOMAINS.get(domain, f"line in {domain.removeprefix('rx')}")
    reached = "nothing depends on it" if clock["reached_mhz"] is None else f"{clock['reached_mhz']:g} MHz reached"
    line = f"clock      {name}: {clock['mhz']:g} MHz wanted, {reached}"
    if domain == "sync":
        line += f", line rate needs {facts['needs_mhz']:.1f}"
        if facts["needs_mhz"] > clock["mhz"]:
            line += f": {clock['mhz'] / facts['needs_mhz']:.0%} OF IT with the worst traffic"
    return line + ("" if clock["meets"] else "  MISSED")


def _path_text(clock: dict[str, Any]) -> list[str]:
    """The longest path, hop by hop."""
    lines = [f"longest path of {DOMAINS.get(clock['domain'], clock['domain'])}:"]
    total = 0.0
    for hop in clock["path"]:
        total += hop["logic_ns"] + hop["routing_ns"]
        lines.append(f"  {total:5.2f} ns  {_hop_text(hop)}")
    return lines


def _hop_text(hop: dict[str, Any]) -> str:
    """Where a path leads: the line of the program, or else the signal and what makes it."""
    if hop["file"]:
        return f"{hop['file']}:{hop['line']}: {hop['text']} ({hop['part']})"
    where = [f"line {hop['line']} of the program"] if hop["line"] is not None else []
    return ", ".join([f"{hop['signal']} ({hop['part']})", *where, *hop["sources"][:1]])


def _too_large(facts: dict[str, Any]) -> list[str]:
    """By how much, because of what, and what helps."""
    over = facts["share"]
    lines = [f"does not fit: {over:.2f} times the {facts['scarcest']} of {facts['device']}"]
    for line in facts["lines"][:MANY_LINES]:
        lines.append(f"  {line['file']}:{line['line']}: {_cells(line)}: {line['text']}")
    helps = [
        f"--ii {other['ii']}, with which it fits by the estimate and carries {other['carries_gbps']:g} Gb/s of the "
        f"shortest frames"
        for other in facts["intervals"]
    ]
    helps += ["smaller maps (--map-size)"] if facts["scarcest"] == "block RAM" else ["a smaller --max-window"]
    helps += [f"a board with {facts['holds_it'][0]}" if facts["holds_it"] else "nothing else: no ECP5 is that large"]
    return [*lines, f"what helps: {', '.join(helps)}"]


def _too_slow(slow: list[dict[str, Any]]) -> list[str]:
    helps = ["more --seeds"]
    if any(clock["domain"] == "sync" for clock in slow):
        helps.append("a slower --clock (the line rate allows it as long as the report says so)")
    return [f"too slow; what helps: {', '.join(helps)}"]
