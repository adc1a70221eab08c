"""The device between two ports inside the simulator: sends what a file says from the PHYs, and writes down what comes
out at them. cocotb imports this module; `test_bump.py` uses the rest."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cocotb
from amaranth import ClockDomain, ClockSignal, Module, ResetSignal
from amaranth.lib import wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In, Out
from cocotb.clock import Clock
from cocotb.triggers import Timer
from cocotbext.eth import GmiiFrame, RgmiiSink, RgmiiSource
from hardpath.hdl.bump import Bump

PPM = (100, -100)
CLOCKS = ("rx_clk_0", "rx_clk_1", "tx_clk")


class Bench(wiring.Component):
    """A `Bump` with its clocks as pins, and with those of two PHYs: the second may lead nowhere. ``verdict_k``: in
    cycles with ``judged_k``, datapath k has that for a frame from port ``source_k``; told if latencies are measured."""

    def __init__(self, bump: Bump) -> None:
        self._bump = bump
        self._ports = {path[0]: member for path, member, _ in bump.signature.flatten(bump)}
        nowhere = {f"{name[:-2]}_1": member for name, member in self._ports.items() if name.endswith("_0")}
        results = {"judged": Out(1), "verdict": Out(3), "source": Out(1)}
        super().__init__({
            **{name: In(1) for name in CLOCKS},
            **nowhere,
            **self._ports,
            **{f"{name}_{k}": member for name, member in results.items() for k in range(2)},
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.bump = bump = self._bump
        for name, clock in zip(("rx0", "rx1", "tx"), CLOCKS, strict=True):
            m.domains += ClockDomain(name)
            m.d.comb += ClockSignal(name).eq(getattr(self, clock))
            m.submodules[f"{name}_reset"] = ResetSynchronizer(ResetSignal("sync"), domain=name)
        for name, member in self._ports.items():
            inside, outside = getattr(bump, name), getattr(self, name)
            m.d.comb += inside.eq(outside) if member.flow is wiring.Flow.In else outside.eq(inside)
        for k, datapath in enumerate(bump.datapaths if bump.datapaths[0].stamped else ()):
            m.d.comb += [
                getattr(self, f"judged_{k}").eq(datapath.result_valid),
                getattr(self, f"verdict_{k}").eq(datapath.result_verdict),
                getattr(self, f"source_{k}").eq(datapath.result_source - 1),
            ]
        return m


@cocotb.test(timeout_time=50, timeout_unit="ms")
async def exchange(dut):
    given = json.loads(Path(os.environ["BUMP_IN"]).read_text())
    for name in (*CLOCKS, "clk", *(f"rx_{line}_{i}" for line in ("ctl", "data") for i in range(2))):
        getattr(dut, name).value = 0
    dut.uart_rx.value = 1
    dut.rst.value = 1
    await Timer(1, unit="ns")
    sources = [RgmiiSource(getattr(dut, f"rx_data_{i}"), getattr(dut, f"rx_ctl_{i}"), clock)
               for i, clock in enumerate((dut.rx_clk_0, dut.rx_clk_1))]
    sinks = [RgmiiSink(*(getattr(dut, f"tx_{line}_{i}") for line in ("data", "ctl", "clk"))) for i in range(2)]
    Clock(dut.clk, given["period_ps"], unit="ps", impl="gpi").start()
    Clock(dut.tx_clk, 8000, unit="ps", impl="gpi").start()
    for clock, ppm in zip((dut.rx_clk_0, dut.rx_clk_1), PPM, strict=True):
        Clock(clock, 2 * round(4_000_000 / (1 + ppm / 1e6)), unit="fs", impl="gpi").start()
    await Timer(100, unit="ns")
    dut.rst.value = 0
    await Timer(20, unit="us")
    for source, frames in zip(sources, given["frames"], strict=True):
        for raw in frames:
            source.send_nowait(GmiiFrame.from_raw_payload(bytes.fromhex(raw)))
    for source in sources:
        await source.wait()
    quiet = 0
    while quiet < 10:
        before = [sink.count() for sink in sinks]
        await Timer(2, unit="us")
        quiet = quiet + 1 if before == [sink.count() for sink in sinks] else 0
    out = []
    for sink in sinks:
        frames = [sink.recv_nowait() for _ in range(sink.count())]
        assert all(frame.error is None and frame.check_fcs() for frame in frames)
        out.append([bytes(frame.get_payload()).hex() for frame in frames])
    control = dut.bump.control  # a serial line would take its time
    counters = [int(getattr(control, f"counters_{i}").value) for i in range(2)]
    unreachable = [int(getattr(control, f"unreachable_{i}").value) for i in range(2)]
    answer = {"frames": out, "counters": counters, "unreachable": unreachable}
    Path(os.environ["BUMP_OUT"]).write_text(json.dumps(answer))
