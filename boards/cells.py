"""What the cells of a synthesized netlist take, which part of the design they belong to, and which line made them.

Synthesis names each cell after the signals nearest to it, so logic between two parts is counted as one's or the
other's; sums are exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ..hdl.area import LUT_RAM_LUTS, Area

CELLS = {
    "LUT4": Area(lut4=1),
    "CCU2C": Area(lut4=2),
    "TRELLIS_DPR16X4": Area(lut4=LUT_RAM_LUTS),
    "TRELLIS_FF": Area(flip_flops=1),
    "DP16KD": Area(block_rams=1),
    "MULT18X18D": Area(multipliers=1),
}
"""Cells of synth_ecp5 that take something; multiplexers between LUTs do not."""

_LINE = re.compile(r"_L(\d+)(?=_|\b)")
_MADE = re.compile(r"_(?:LUT4|TRELLIS_\w+?|CCU2C|PFUMX|L6MUX21|DP16KD|MULT18X18D)(?:_.*)?$")
_PART = re.compile(r"^(\w+?)_(\d+)$")

PORT, PROGRAM, CONTROL, FRAMES, LATENCIES, BETWEEN, BOARD = (
    "MAC", "program", "control", "frames in and out", "latencies", "between ports", "clocks and pads",
)  # fmt: skip
"""The parts: a port of the board with its MAC and queues, the pipeline (its maps have names of their own), control bus
and the datapath's histograms, the rest of a datapath, what measures latencies from wire to wire (where times go beside
frames, they are part of the queues), and what is around them."""

_TIMING = frozenset({"rx_time", "tx_time", "departures"})
"""Of a MAC: what it has only to measure latencies (`hdl.mac.mac`)."""


def part_of(name: str) -> str:
    """The part that a cell or net belongs to."""
    folders = name.split(".")
    if folders[0] != "device" or len(folders) < 2:
        return BOARD
    found = _PART.match(folders[1])
    kind, number = (found[1], found[2]) if found else (folders[1], "")
    if (kind == "control" and "latencies" in folders) or (kind == "port" and not _TIMING.isdisjoint(folders)):
        return LATENCIES
    if kind in ("port", "whole"):
        return f"{PORT} {number}"
    if kind == "datapath":
        return f"{number}: {_inside(folders[2:])}" if number else _inside(folders[2:])
    return CONTROL if kind in ("control", "serial", "buses", "management") else BETWEEN


def _inside(folders: list[str]) -> str:
    """The part of a datapath."""
    match folders:
        case ["control", *_]:
            return CONTROL
        case ["pipeline", unit, *_] if found := re.match(r"map_\d+_(.+)", unit):
            return f"map {found[1]}"
        case ["pipeline", *_]:
            return PROGRAM
    return FRAMES


def line_of(name: str) -> int | None:
    """The line of the XDP program's source that a signal's name tells of."""
    found = _LINE.search(name)
    return int(found[1]) if found else None


def signal_of(name: str) -> str:
    """A name for people."""
    return nearest(name.partition("$")[0]).removeprefix("device.")


def nearest(name: str) -> str:
    """The signal after which synthesis named a cell or net."""
    return _MADE.sub("", name)


def by_part(netlist: Mapping[str, Any]) -> dict[str, Area]:
    """Areas of the parts, of a netlist as yosys' write_json has it."""
    return _sums((part_of(name), area) for name, area in _taking(netlist))


def by_line(netlist: Mapping[str, Any]) -> dict[int, Area]:
    """Areas by lines of the XDP program, for cells whose signals tell."""
    return _sums((line, area) for name, area in _taking(netlist) if (line := line_of(name)) is not None)


def _taking(netlist: Mapping[str, Any]) -> Iterable[tuple[str, Area]]:
    for name, cell in netlist["cells"].items():
        if cell["type"] in CELLS:
            yield name, CELLS[cell["type"]]


def _sums(items: Iterable[tuple[Any, Area]]) -> dict[Any, Area]:
    sums: dict[Any, Area] = {}
    for key, area in items:
        sums[key] = sums.get(key, Area()) + area
    return dict(sorted(sums.items(), key=lambda item: -item[1].lut4 - item[1].flip_flops))
