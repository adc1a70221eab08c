"""The value memory of a map, and the engine that moves whole values in or out of it row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from .rows import ValueRows
from .unit import HostOp, MapUnit


class StorePort(wiring.Component):
    """A unit's own way to write its value memory: ``addr``, ``data`` (a row), ``en`` (a bit for each byte)."""

    def __init__(self, rows: ValueRows) -> None:
        size = rows.row_bytes
        super().__init__({"addr": In(rows.address_bits), "data": In(8 * size), "en": In(size)})

    def elaborate(self, platform: object) -> Module:
        return Module()


def serve_sites(
    m: Module, unit: MapUnit, rows: ValueRows, init: Sequence[int], *, only_between_frames: bool
) -> tuple[Any, Any]:
    """Build the value memory of ``unit`` with ``init`` rows and connect its ``read`` and ``write`` sites to it.

    Returns a write port of the unit's own (``addr``, ``data``, ``en``: one enable a byte) and a read port (always
    enabled). Every read port sees what is written at the same edge. ``only_between_frames``: the unit writes only while
    the host is granted its turn, so its port can be that of a ``write`` site: block memories have one to write.
    """
    m.submodules.values = memory = Memory(shape=8 * rows.row_bytes, depth=rows.depth, init=init)
    kinds = list(zip(unit.kinds, unit.sites, strict=True))
    writing = [site for kind, site in kinds if kind.name == "write"]
    share = only_between_frames and bool(writing)
    own: Any = StorePort(rows) if share else memory.write_port(granularity=8)
    ports = [] if share else [own]
    for number, site in enumerate(writing):
        port = memory.write_port(granularity=8)
        ports.append(port)
        go = (site.valid[0] & site.enable[0]).replicate(rows.row_bytes)
        m.d.comb += [
            port.addr.eq(site.operands.address),
            port.data.eq(site.operands.row),
            port.en.eq(site.operands.mask & go),
        ]
        if share and number == 0:
            m.submodules.own_store = own
            with m.If(own.en.any()):
                m.d.comb += [port.addr.eq(own.addr), port.data.eq(own.data), port.en.eq(own.en)]
    for kind, site in kinds:
        if kind.name == "read":
            port = memory.read_port(transparent_for=ports)
            m.d.comb += [
                port.addr.eq(site.operands.address),
                port.en.eq(site.enable[0]),
                site.results.row.eq(port.data),
            ]
    return own, memory.read_port(transparent_for=ports)


class RowMover(wiring.Component):
    """Moves one value between a register and the value memory.

    ``start`` is held until ``done`` (one cycle). ``write``: whether ``value`` (8 * value_size bits) goes to the rows
    from address ``base`` on; otherwise they come to ``result``, which is right from the cycle after ``done`` until the
    next ``start``. Towards the memory: ``address``, ``store`` (write enable), ``row_out``, and ``row_in``, which
    answers one cycle after its address. Takes as many cycles as there are rows, one more for a read.
    """

    def __init__(self, rows: ValueRows) -> None:
        self._rows = rows
        value, row = 8 * rows.value_size, 8 * rows.row_bytes
        super().__init__(
            {
                "start": In(1),
                "write": In(1),
                "base": In(rows.address_bits),
                "value": In(value),
                "result": Out(value),
                "done": Out(1),
                "address": Out(rows.address_bits),
                "store": Out(1),
                "row_out": Out(row),
                "row_in": In(row),
            }
        )

    def serve(self, m: Module, host: Any, store: Any, fetch: Any) -> None:
        """Move the host's value through a unit's own ports (`serve_sites`): in for an update, out for all else."""
        m.d.comb += [
            self.write.eq(host.op == HostOp.UPDATE),
            self.value.eq(host.value),
            self.row_in.eq(fetch.data),
            fetch.addr.eq(self.address),
            store.addr.eq(self.address),
            store.data.eq(self.row_out),
            store.en.eq(self.store.replicate(self._rows.row_bytes)),
            host.result_value.eq(self.result),
        ]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, bits = self._rows.rows, 8 * self._rows.row_bytes
        step = Signal(range(rows + 1))
        padded = Cat(self.value, Const(0, rows * bits - len(self.value)))
        collected = Signal(rows * bits)
        m.d.comb += [
            self.address.eq(self.base | step),
            self.store.eq(self.start & self.write),
            self.row_out.eq(padded.word_select(step, bits) if rows > 1 else padded),
            self.done.eq(self.start & (step == rows - self.write)),
            self.result.eq(collected),
        ]
        with m.If(self.done):
            m.d.sync += step.eq(0)
        with m.Elif(self.start):
            m.d.sync += step.eq(step + 1)
        with m.If(self.start & ~self.write & (step != 0)):
            m.d.sync += collected.eq(Cat(collected, self.row_in)[bits:])
        return m
