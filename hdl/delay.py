"""Values that wait for their stage in memory instead of registers."""

from __future__ import annotations

from typing import Any

from amaranth import Module, unsigned
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

from .verilog_memory import NO_COLLISIONS


def depth(frames: int) -> int:
    """Rows of the memory for values of at most ``frames`` frames at a time."""
    return 1 << (frames - 1).bit_length()


class DelayMemory(wiring.Component):
    """Takes ``width`` bits of each frame that leaves stage a and gives them back while it is in stage b and until the
    next one comes there. At most ``frames``, at least 2, are in the b - a stages from a on: what that many registers
    would do.

    Frames stay in order, so the memory is a ring and the frames' numbers are its addresses. ``write`` In: a frame
    leaves stage a; ``write_number`` In: its number; ``write_data`` In. ``read`` In: stage b loads; ``read_number`` In:
    the number of the frame in stage b-1; ``read_data`` Out holds until the next ``read``. Numbers may wrap at any
    power of two from `depth` on. The row of a frame is never read and written at the same edge.
    """

    def __init__(self, width: int, frames: int) -> None:
        self._frames = frames
        self._address = (frames - 1).bit_length()
        self._width = width
        super().__init__(
            {
                "write": In(1),
                "write_number": In(self._address),
                "write_data": In(width),
                "read": In(1),
                "read_number": In(self._address),
                "read_data": Out(width),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.ring = ring = memory.Memory(
            shape=unsigned(self._width), depth=depth(self._frames), init=[], attrs=NO_COLLISIONS
        )
        write, read = ring.write_port(), ring.read_port()
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.write_number),
            write.data.eq(self.write_data),
            read.en.eq(self.read),
            read.addr.eq(self.read_number),
            self.read_data.eq(read.data),
        ]
        return m
