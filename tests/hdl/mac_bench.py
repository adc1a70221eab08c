"""The MAC with flat pins, as Verilog for tests: what cocotb drives in `mac_tests.py`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import icarus
from amaranth import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out
from hardpath.codegen.emit.verilog import verilog
from hardpath.hdl.mac.ecp5_pins import CELLS
from hardpath.hdl.mac.mac import COUNTERS, Mac
from hardpath.hdl.mac.port import Port, PortShape

WIDTH = 8
GMII = {"rxd": In(8), "rx_dv": In(1), "rx_er": In(1), "txd": Out(8), "tx_en": Out(1), "tx_er": Out(1), "nibbles": In(1)}
RGMII = {"rxd": In(4), "rx_ctl": In(1), "rgmii_tx_clk": Out(1), "txd": Out(4), "tx_ctl": Out(1), "speed": Out(3)}


class Bench(wiring.Component):
    """``inner``: a `Mac` or a `Port`. The streams have the names of AXI4-Stream, ``tuser`` is ``error``."""

    def __init__(self, inner: Mac | Port) -> None:
        self._inner = inner
        super().__init__({
            "rx_clk": In(1),
            "tx_clk": In(1),
            **(GMII if isinstance(inner, Mac) else RGMII),
            **{f"out_t{name}": Out(width) for name, width in (("data", 8 * WIDTH), ("keep", WIDTH))},
            **{f"in_t{name}": In(width) for name, width in (("data", 8 * WIDTH), ("keep", WIDTH))},
            **{f"out_t{name}": Out(1) for name in ("last", "user", "valid")},
            **{f"in_t{name}": In(1) for name in ("last", "user", "valid")},
            "out_tready": In(1),
            "in_tready": Out(1),
            **{name: Out(32) for name in COUNTERS.members},
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.inner = inner = self._inner
        for name in ("rx", "tx"):
            m.domains += ClockDomain(name)
            m.submodules[f"{name}_reset"] = ResetSynchronizer(ResetSignal("sync"), domain=name)
        m.d.comb += [ClockSignal("rx").eq(self.rx_clk), ClockSignal("tx").eq(self.tx_clk)]
        out, given = inner.output.payload, inner.input.payload
        m.d.comb += [
            *(getattr(self, name).eq(inner.counters[name]) for name in COUNTERS.members),
            self.out_tdata.eq(out.data),
            self.out_tkeep.eq(out.keep),
            self.out_tlast.eq(out.last),
            self.out_tuser.eq(out.error),
            self.out_tvalid.eq(inner.output.valid),
            inner.output.ready.eq(self.out_tready),
            given.data.eq(self.in_tdata),
            given.keep.eq(self.in_tkeep),
            given.last.eq(self.in_tlast),
            given.error.eq(self.in_tuser),
            inner.input.valid.eq(self.in_tvalid),
            self.in_tready.eq(inner.input.ready),
        ]
        if isinstance(inner, Mac):
            m.d.rx += [
                inner.rx_symbol.data.eq(self.rxd),
                inner.rx_symbol.valid.eq(self.rx_dv),
                inner.rx_symbol.error.eq(self.rx_er),
            ]
            m.d.comb += [
                self.txd.eq(inner.tx_symbol.data),
                self.tx_en.eq(inner.tx_symbol.valid),
                self.tx_er.eq(inner.tx_symbol.error),
                inner.nibbles.eq(self.nibbles),
                inner.tick.eq(1),
            ]
        else:
            m.d.comb += [
                inner.rx_ctl.eq(self.rx_ctl),
                inner.rx_data.eq(self.rxd),
                self.rgmii_tx_clk.eq(inner.tx_clk),
                self.tx_ctl.eq(inner.tx_ctl),
                self.txd.eq(inner.tx_data),
                self.speed.eq(inner.speed),
            ]
        return m


def build(folder: Path, phy: str, max_frame: int, depth: int = 4096) -> Path:
    """Compile a bench for Icarus into a folder."""
    inner = Mac(WIDTH, max_frame, depth) if phy == "gmii" else Port(PortShape(WIDTH, max_frame, depth))
    icarus.build(folder, verilog(Bench(inner), "bench") + CELLS, "bench", "1fs")
    return folder


def run(folder: Path, module: str, tests: Sequence[str], settings: dict[str, object]) -> None:
    """Run tests (functions of a cocotb module) on what `build` made; fails where they do."""
    icarus.run(folder, "bench", module, tests, {"MAC_BENCH": json.dumps(settings), "COCOTB_LOG_LEVEL": "INFO"})
