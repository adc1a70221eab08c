"""The hardware of arrays: one memory of rows, with a port for each access site."""

from __future__ import annotations

from collections.abc import Sequence

from amaranth.hdl import Module, Mux, Signal, Value

from .base import MapShape, SiteKind
from .linux import BPF_EXIST, BPF_NOEXIST, E2BIG, EEXIST, EINVAL, ENOENT
from .row_memory import RowMover, serve_sites
from .rows import ValueRows
from .unit import HostOp, MapUnit


class ArrayUnit(MapUnit):
    """An array map. Its sites are ``read`` and ``write``; the program computes addresses by itself.

    Each ``read`` site has a read port of the memory, all ``write`` sites share one (`serve_sites`). A read sees what is
    written at the same edge.
    """

    def __init__(self, shape: MapShape, kinds: Sequence[SiteKind], rows: ValueRows) -> None:
        self.rows = rows
        self.host_hold = rows.rows + 1
        super().__init__(shape, kinds)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rows, host = self.rows, self.host
        m.submodules.mover = mover = RowMover(rows)
        mover.serve(m, host, serve_sites(m, self, rows, self._initial_rows()))

        index = Signal(32)
        m.d.comb += [
            index.eq(Mux(host.op == HostOp.ENTRY, host.index, host.key)),
            mover.base.eq(index << rows.row_index_bits),
            host.result_key.eq(index),
        ]
        status = self._status(m, index)
        with m.FSM():
            with m.State("IDLE"), m.If(host.request):
                m.d.sync += host.status.eq(status)
                with m.If(status == 0):
                    m.next = "MOVE"
                with m.Else():
                    m.next = "DONE"
            with m.State("MOVE"):
                m.d.comb += [self.host_request.eq(1), mover.start.eq(self.host_grant)]
                with m.If(mover.done):
                    m.next = "DONE"
            self.host_end(m)
        return m

    def _status(self, m: Module, index: Value) -> Signal:
        """What bpf(2) answers; nothing is to be moved unless it is 0."""
        host = self.host
        outside = index >= self.shape.max_entries
        status = Signal(32)
        with m.Switch(host.op):
            with m.Case(HostOp.LOOKUP), m.If(outside):
                m.d.comb += status.eq(-ENOENT)
            with m.Case(HostOp.UPDATE):
                with m.If(host.flags > BPF_EXIST):
                    m.d.comb += status.eq(-EINVAL)
                with m.Elif(outside):
                    m.d.comb += status.eq(-E2BIG)
                with m.Elif(host.flags == BPF_NOEXIST):
                    m.d.comb += status.eq(-EEXIST)
            with m.Case(HostOp.DELETE):
                m.d.comb += status.eq(-EINVAL)
            with m.Case(HostOp.ENTRY), m.If(outside):
                m.d.comb += status.eq(-E2BIG)
        return status

    def _initial_rows(self) -> list[int]:
        if self.shape.initial is None:
            return []
        size, stride = self.shape.value_size, 1 << self.rows.row_index_bits
        initial: list[int] = []
        for start in range(0, min(len(self.shape.initial), size * self.shape.max_entries), size):
            value = self.rows.split(int.from_bytes(self.shape.initial[start : start + size], "little"))
            initial += value + [0] * (stride - len(value))
        return initial
