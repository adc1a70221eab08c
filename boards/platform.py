"""What Amaranth needs to know of a board to write constraints and a netlist for it."""

from __future__ import annotations

from typing import Any

from ..hdl.verilog_memory import VerilogMemories
from .board import Board, distinct

PHY = "eth_rgmii"
"""The name that amaranth-boards gives to an RGMII PHY."""

MEMORIES = "memories.v"
"""The file with the memories of a design."""


def make_platform(board: Board) -> Any:
    """A platform of amaranth-boards for one design, whose memories become modules of their own (`VerilogMemories`)
    instead of what Amaranth writes bit by bit."""
    base: Any = board.make_platform()
    memories = VerilogMemories()

    class Platform(base):
        resources = [
            *(resource for resource in base.resources if resource.name != PHY),
            *distinct(resource for resource in base.resources if resource.name == PHY),
        ]

        def get_memory(self, memory: Any) -> Any:
            return memories.get_memory(memory)

        def toolchain_prepare(self, fragment: Any, name: str, **options: Any) -> Any:
            self.add_file(MEMORIES, memories.text)
            return super().toolchain_prepare(fragment, name, **options)

    return Platform()
