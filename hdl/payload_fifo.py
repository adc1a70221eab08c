"""A FIFO whose writer can take back what belongs to an unfinished frame."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .verilog_memory import NO_COLLISIONS


class PayloadFifo(wiring.Component):
    """Items of ``width`` bits in a block memory of ``depth`` (rounded up to a power of two).

    ``write`` stores ``write_data``, only while not ``full``. Written items reach ``output`` once ``commit``
    was high, in the cycle of their write or a later one; ``rollback`` forgets all that are not committed,
    including one written in the same cycle, and goes before ``commit``. An item can be read two cycles after
    its commit, then one every cycle.
    """

    def __init__(self, width: int, depth: int) -> None:
        self.width = width
        self.depth = 1 << max(1, (depth - 1).bit_length())
        super().__init__({
            "write": In(1),
            "write_data": In(width),
            "commit": In(1),
            "rollback": In(1),
            "full": Out(1),
            "output": Out(stream.Signature(width)),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(shape=self.width, depth=self.depth, init=[], attrs=NO_COLLISIONS)
        write_port = memory.write_port()
        read_port = memory.read_port()

        # Pointers count modulo twice the depth, so that full and empty differ.
        bits = self.depth.bit_length()
        written = Signal(bits)
        committed = Signal(bits)
        read = Signal(bits)
        following = Signal(bits, init=1)  # read + 1, from a register: there is no time for an adder
        after_write = Signal(bits)
        after_read = Signal(bits)
        m.d.comb += [
            self.full.eq((written - read)[:bits] == self.depth),
            write_port.addr.eq(written),
            write_port.data.eq(self.write_data),
            write_port.en.eq(self.write),
            after_write.eq(Mux(self.rollback, committed, written + self.write)),
            after_read.eq(Mux(self.output.valid & self.output.ready, following, read)),
            read_port.addr.eq(after_read),
            self.output.payload.eq(read_port.data),
        ]
        m.d.sync += [
            written.eq(after_write),
            read.eq(after_read),
            following.eq(after_read + 1),
            self.output.valid.eq(after_read != committed),
        ]
        with m.If(self.commit):  # with a rollback, after_write is what is committed already
            m.d.sync += committed.eq(after_write)
        return m
