"""How much of an FPGA parts of a design take: LUT4, flip-flops, block memories and multipliers of an ECP5-like fabric.

An estimate, for "does it fit?" before minutes of synthesis. `bench/area.py` holds it against yosys' synth_ecp5.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

LUT_RAM_LUTS = 6
"""LUT4 places that one 16 x 4 LUT RAM takes: four that read, and a slice for its write port."""

LUT_RAM_COST, BLOCK_COST, CHOICE_COST = 4, 128, 0.5
"""What yosys weighs them with when it chooses (share/lattice/brams_16kd.txt, lutrams_trellis.txt), beside one for
each bit of a choice among LUT RAMs, and a half for one among block memories."""

FORWARDING_LUTS, OLD_LUTS, OLD_FLIP_FLOPS = 1.3, 1.6, 2.4
"""For each bit of a read port, measured with yosys: block memories leave open what a read at the edge of a write
gives."""

BLOCK_SHAPES = ((36, 512), (18, 1024), (9, 2048), (4, 4096), (2, 8192), (1, 16384))
"""Bits by rows of one DP16KD with one read and one write port (Lattice TN1264)."""


@dataclass(frozen=True, slots=True)
class Area:
    """``lut4``: four-input LUTs (an adder's bit counts as one). ``flip_flops``; ``block_rams`` of 18 Kbit;
    ``multipliers`` of 18 x 18 bits."""

    lut4: float = 0.0
    flip_flops: int = 0
    block_rams: int = 0
    multipliers: int = 0

    def __add__(self, other: Area) -> Area:
        return Area(
            self.lut4 + other.lut4,
            self.flip_flops + other.flip_flops,
            self.block_rams + other.block_rams,
            self.multipliers + other.multipliers,
        )


    def figures(self) -> dict[str, int]:
        """For reports, in whole numbers."""
        return {
            "lut4": round(self.lut4),
            "flip_flops": self.flip_flops,
            "block_rams": self.block_rams,
            "multipliers": self.multipliers,
        }


@dataclass(frozen=True, slots=True)
class Device:
    """What an FPGA has, in the units of `Area`."""

    name: str
    lut4: int
    flip_flops: int
    block_rams: int
    multipliers: int

    def shares(self, area: Area) -> dict[str, float]:
        """How many devices of each resource an area needs."""
        return {
            "LUT4": area.lut4 / self.lut4,
            "flip-flops": area.flip_flops / self.flip_flops,
            "block RAM": area.block_rams / self.block_rams,
            "multipliers": area.multipliers / self.multipliers,
        }

    def share(self, area: Area) -> tuple[float, str]:
        """The scarcest resource: how many devices of it an area needs, and its name."""
        return max((share, name) for name, share in self.shares(area).items())


DEVICES = (
    Device("LFE5U-25F", 24_288, 24_288, 56, 28),
    Device("LFE5U-45F", 43_848, 43_848, 108, 72),
    Device("LFE5U-85F", 83_640, 83_640, 208, 156),
)
"""ECP5 as on open boards (Lattice FPGA-DS-02012, table 1.1), smallest first."""


def verdict(area: Area) -> str:
    """The smallest device that holds an area, or how many of the largest one it needs, and of what."""
    fitting = [device.name for device in DEVICES if device.share(area)[0] <= 1]
    if fitting:
        return f"fits {fitting[0]}"
    share, resource = DEVICES[-1].share(area)
    return f"{share:.1f} times the {resource} of {DEVICES[-1].name}"


def block_rams(width: int, depth: int, parts: int = 1) -> int:
    """Block memories of one copy; ``parts`` of a row are written each by itself, for which 9 bits have an enable."""
    part = width // parts
    lanes = 9 * parts * ceil(part / 9) if parts > 1 else width
    choices = []
    for bits, rows in BLOCK_SHAPES:
        deep = ceil(depth / rows)
        blocks = (ceil(lanes / bits) if bits >= 9 else parts * ceil(part / bits)) * deep
        choices.append((blocks * BLOCK_COST + width * (deep - 1) * CHOICE_COST, blocks))
    return min(choices)[1]


def memory(
    width: int,
    depth: int,
    reads: int,
    writes: int = 1,
    *,
    parts: int = 1,
    transparent: int = 0,
    old: int = 0,
    asynchronous: int = 0,
) -> Area:
    """A memory of ``depth`` rows of ``width`` bits, of which ``parts`` are written each by itself.

    Each read port is paid with a copy; a second write port makes registers of the memory. Of a row that is written at
    the same edge ``transparent`` read ports give the new contents, ``old`` ones the old, and the others anything.
    ``asynchronous`` ones have no clock, which only small memories can.
    """
    if writes > 1:
        bits = width * depth
        return Area(lut4=bits * (writes + reads) / 2, flip_flops=bits)
    copies = max(1, reads)
    forwarding = Area(
        lut4=width * (FORWARDING_LUTS * transparent + OLD_LUTS * old),
        flip_flops=(width + parts) * transparent + round(OLD_FLIP_FLOPS * width * old),
    )
    blocks = block_rams(width, depth, parts)
    rams, rows = ceil(width / 4), ceil((1 << (depth - 1).bit_length()) / 16)
    if asynchronous or rams * rows * LUT_RAM_COST + width * (rows - 1) < blocks * BLOCK_COST:
        luts = LUT_RAM_LUTS * rams * rows + width * (rows - 1)
        registers = (copies - asynchronous) * width
        return Area(lut4=copies * luts + FORWARDING_LUTS * width * transparent, flip_flops=registers)
    return forwarding + Area(block_rams=copies * blocks)
