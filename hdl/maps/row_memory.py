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


class OwnAccess:
    """A unit's own way to its value memory.

    To write: ``store`` (a bit for each byte), ``store_address``, ``row``; not while ``taken`` (a site writes).
    To read, while the host is granted its turn: ``fetch_address``, and ``fetched`` one cycle later.
    """

    def __init__(self, rows: ValueRows) -> None:
        self.store = Signal(rows.row_bytes)
        self.store_address = Signal(rows.address_bits)
        self.row = Signal(8 * rows.row_bytes)
        self.taken = Signal()
        self.fetch_address = Signal(rows.address_bits)
        self.fetched = Signal(8 * rows.row_bytes)


def serve_sites(m: Module, unit: MapUnit, rows: ValueRows, init: Sequence[int]) -> OwnAccess:
    """Build the value memory of ``unit`` with ``init`` rows and connect its ``read`` and ``write`` sites to it.

    Block memories have one port to write and one to read, and each further read port takes a copy. So all ``write``
    sites and the unit itself share one port: the pipeline lets no two sites write at one edge (`SiteKind.stores`).
    For what the unit reads in the host's turn the first ``read`` site lends its port, as no frame waits for a row then.
    Every read port sees what is written at the same edge.
    """
    own = OwnAccess(rows)
    m.submodules.values = memory = Memory(shape=8 * rows.row_bytes, depth=rows.depth, init=init)
    store = memory.write_port(granularity=8)
    m.d.comb += [store.addr.eq(own.store_address), store.data.eq(own.row), store.en.eq(own.store)]
    fetch: Any = None
    for kind, site in zip(unit.kinds, unit.sites, strict=True):
        if kind.name == "write":
            with m.If(site.valid[0] & site.enable[0]):
                m.d.comb += [
                    own.taken.eq(1),
                    store.addr.eq(site.operands.address),
                    store.data.eq(site.operands.row),
                    store.en.eq(site.operands.mask),
                ]
        elif kind.name == "read":
            port = memory.read_port(transparent_for=[store])
            m.d.comb += [
                port.addr.eq(site.operands.address),
                port.en.eq(site.enable[0]),
                site.results.row.eq(port.data),
            ]
            fetch = fetch or port
    fetch = fetch or memory.read_port(transparent_for=[store])
    with m.If(unit.host_grant):
        m.d.comb += [fetch.addr.eq(own.fetch_address), fetch.en.eq(1)]
    m.d.comb += own.fetched.eq(fetch.data)
    return own


class RowMover(wiring.Component):
    """Moves one value between a register and the value memory.

    ``start`` is held until ``done`` (one cycle). ``write``: whether ``value`` (8 * value_size bits) goes to the rows
    from address ``base`` on; otherwise they come to ``result``, which is right from the cycle after ``done`` until the
    next ``start``. Towards the memory: ``address``, ``store`` (write enable), ``row_out``, and ``row_in``, which
    answers one cycle after its address. Takes as many cycles as there are rows, one more for a read; while ``hold``
    nothing can be stored.
    """

    def __init__(self, rows: ValueRows) -> None:
        self._rows = rows
        value, row = 8 * rows.value_size, 8 * rows.row_bytes
        super().__init__(
            {
                "start": In(1),
                "write": In(1),
                "hold": In(1),
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

    def serve(self, m: Module, host: Any, own: OwnAccess) -> None:
        """Move the host's value between two frames: in for an update, out for all else."""
        m.d.comb += [
            self.write.eq(host.op == HostOp.UPDATE),
            self.value.eq(host.value),
            self.row_in.eq(own.fetched),
            own.fetch_address.eq(self.address),
            own.store_address.eq(self.address),
            own.row.eq(self.row_out),
            own.store.eq(self.store.replicate(self._rows.row_bytes)),
            host.result_value.eq(self.result),
        ]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, bits = self._rows.rows, 8 * self._rows.row_bytes
        step, going = Signal(range(rows + 1)), Signal()
        padded = Cat(self.value, Const(0, rows * bits - len(self.value)))
        collected = Signal(rows * bits)
        m.d.comb += [
            self.address.eq(self.base | step),
            going.eq(self.start & ~(self.write & self.hold)),
            self.store.eq(going & self.write),
            self.row_out.eq(padded.word_select(step, bits) if rows > 1 else padded),
            self.done.eq(going & (step == rows - self.write)),
            self.result.eq(collected),
        ]
        with m.If(self.done):
            m.d.sync += step.eq(0)
        with m.Elif(going):
            m.d.sync += step.eq(step + 1)
        with m.If(self.start & ~self.write & (step != 0)):
            m.d.sync += collected.eq(Cat(collected, self.row_in)[bits:])
        return m
