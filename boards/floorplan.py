"""A picture of where the parts of a design lie on the FPGA."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any
from xml.sax.saxutils import escape

from .cells import part_of

_PLACE = re.compile(r"X(\d+)/Y(\d+)/")
_SHOWN = {"TRELLIS_COMB": 1, "TRELLIS_FF": 1, "DP16KD": 8, "MULT18X18D": 8}
"""Cells that are drawn, and how much of a tile each counts for."""

FULL = 16
"""LUTs and flip-flops of a tile."""

PIXELS, LEGEND, MARGIN = 12, 22, 10
COLOURS = (
    "#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#ee8866", "#44bb99", "#99ddff", "#77aadd",
    "#bbbbbb",
)  # fmt: skip
"""Told apart with every kind of colour vision (Paul Tol's bright and light schemes)."""


def tiles_of(placed: Mapping[str, Any]) -> dict[tuple[int, int], Counter[str]]:
    """By place, how much of a tile each part has. ``placed``: the netlist that nextpnr writes."""
    tiles: dict[tuple[int, int], Counter[str]] = {}
    for name, cell in placed["cells"].items():
        found = _PLACE.match(cell["attributes"].get("NEXTPNR_BEL", ""))
        if found and cell["type"] in _SHOWN:
            place = int(found[1]), int(found[2])
            tiles.setdefault(place, Counter())[part_of(name)] += _SHOWN[cell["type"]]
    return tiles


def svg(tiles: Mapping[tuple[int, int], Mapping[str, int]], title: str) -> str:
    """Each tile in the colour of the part that has most of it, the stronger the fuller it is."""
    total: Counter[str] = Counter()
    for parts in tiles.values():
        total.update(parts)
    colours = {part: COLOURS[i % len(COLOURS)] for i, (part, _) in enumerate(total.most_common())}
    columns, rows = (1 + max((place[axis] for place in tiles), default=0) for axis in range(2))
    width, height = columns * PIXELS + 2 * MARGIN, rows * PIXELS + 4 * MARGIN + LEGEND * (1 + -(-len(colours) // 3))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        'font-size="13">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
        f'<text x="{MARGIN}" y="{MARGIN + 12}" font-weight="bold">{escape(title)}</text>',
        f'<rect x="{MARGIN}" y="{MARGIN + LEGEND}" width="{columns * PIXELS}" height="{rows * PIXELS}" '
        'fill="#f4f4f4" stroke="#888"/>',
        *_drawn(tiles, colours),
        *_legend(colours, total, columns * PIXELS, 2 * MARGIN + LEGEND + rows * PIXELS),
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def _drawn(tiles: Mapping[tuple[int, int], Mapping[str, int]], colours: Mapping[str, str]) -> Iterable[str]:
    for (x, y), parts in sorted(tiles.items()):
        most = max(parts, key=lambda part: parts[part])
        strength = 0.3 + 0.7 * min(1.0, sum(parts.values()) / FULL)
        yield (
            f'<rect x="{MARGIN + x * PIXELS}" y="{MARGIN + LEGEND + y * PIXELS}" width="{PIXELS - 1}" '
            f'height="{PIXELS - 1}" fill="{colours[most]}" fill-opacity="{strength:.2f}"/>'
        )


def _legend(colours: Mapping[str, str], total: Counter[str], width: int, top: int) -> Iterable[str]:
    everything = sum(total.values())
    for i, (part, colour) in enumerate(colours.items()):
        x, y = MARGIN + i % 3 * width // 3, top + i // 3 * LEGEND
        yield f'<rect x="{x}" y="{y}" width="14" height="14" fill="{colour}"/>'
        yield f'<text x="{x + 20}" y="{y + 12}">{escape(part)}: {total[part] / everything:.0%}</text>'
