"""The ports of shells, told once for hardware and documentation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from amaranth.lib.wiring import Flow, In, Member, Out

ADDRESS_BITS = 18
"""Of AXI4-Lite: bytes, four for each of the 2 ** 16 words of the control bus."""


@dataclass(frozen=True, slots=True)
class Pin:
    """A port of a Verilog module: ``width`` bits, and what a user has to know of it."""

    name: str
    flow: Flow
    width: int
    summary: str

    @property
    def member(self) -> Member:
        """Of a signature."""
        return self.flow(self.width)


def axis(prefix: str, flow: Flow, lanes: int, width: int, summary: str, **side: tuple[int, str]) -> list[Pin]:
    """AXI4-Streams side by side, as packed vectors.

    ``flow``: that of the data. ``lanes``: how many streams; the first is in the lowest bits. ``width``: bytes a beat of
    each. ``side``: further fields, bits of each stream and summary.
    """
    fields: dict[str, tuple[int, str]] = {
        "tdata": (8 * width, f"{summary}; byte 0 is the lowest"),
        "tkeep": (width, "all ones but in the last beat, there ones from the lowest byte on"),
        "tlast": (1, ""),
        **side,
        "tvalid": (1, "stays until `tready`"),
    }
    pins = [Pin(f"{prefix}_{name}", flow, lanes * bits, text) for name, (bits, text) in fields.items()]
    return [*pins, Pin(f"{prefix}_tready", flow.flip(), lanes, "")]


def axi_lite(prefix: str) -> list[Pin]:
    """An AXI4-Lite slave with 32-bit data."""
    address = f"bytes: four times the word address of registers.md, {ADDRESS_BITS} bits"
    given = {"awaddr": (ADDRESS_BITS, address), "awvalid": (1, ""), "wdata": (32, ""), "bready": (1, "")}
    given |= {"wstrb": (4, "all ones; a write of part of a word is answered with SLVERR"), "wvalid": (1, "")}
    given |= {"araddr": (ADDRESS_BITS, "the same"), "arvalid": (1, ""), "rready": (1, "")}
    answered = {"awready": 1, "wready": 1, "bresp": 2, "bvalid": 1, "arready": 1, "rdata": 32, "rresp": 2, "rvalid": 1}
    return [
        *(Pin(f"{prefix}_{name}", In, bits, text) for name, (bits, text) in given.items()),
        *(Pin(f"{prefix}_{name}", Out, bits, "") for name, bits in answered.items()),
    ]


def signature(pins: Iterable[Pin]) -> dict[str, Any]:
    """What a component with these ports gives ``wiring.Component``."""
    return {pin.name: pin.member for pin in pins}
