"""A bench of `mac_bench.py` inside the simulator, between the models of cocotbext-eth and cocotbext-axi."""

from __future__ import annotations

import json
import os
import random
from itertools import pairwise

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import ClockCycles, Timer
from cocotbext.axi import AxiStreamBus, AxiStreamFrame, AxiStreamSink, AxiStreamSource
from cocotbext.eth import GmiiFrame, GmiiSink, GmiiSource, RgmiiSink, RgmiiSource
from hardpath.hdl.mac.mac import COUNTERS

SETTINGS = json.loads(os.environ.get("MAC_BENCH", "{}"))
SYNC_PS = SETTINGS.get("sync_ps", 10_000)
TX_125_PS = 8_000
FS = 1_000
INPUTS = (
    *("clk", "rx_clk", "tx_clk", "rxd", "rx_dv", "rx_er", "rx_ctl", "nibbles"),
    *("in_tvalid", "in_tlast", "in_tuser", "in_tdata", "in_tkeep", "out_tready"),
)
"""Driven before there is any clock: what nobody drives is undefined in this simulator, and counts would be for ever."""


class Rig:
    """``speed``: 10, 100 or 1000 Mb/s; ``rx_ppm``, ``tx_ppm``: how much too fast the clocks are; ``jitter_ps``: the
    most that an edge of the PHY's clock is early or late."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.speed = SETTINGS["speed"]
        self.max_frame = SETTINGS["max_frame"]
        self.byte_ps = 8_000_000 // self.speed
        self.rgmii = SETTINGS["phy"] == "rgmii"
        if self.rgmii:
            self.phy_tx = RgmiiSource(dut.rxd, dut.rx_ctl, dut.rx_clk)
            self.phy_rx = RgmiiSink(dut.txd, dut.tx_ctl, dut.rgmii_tx_clk)
        else:
            self.phy_tx = GmiiSource(dut.rxd, dut.rx_er, dut.rx_dv, dut.rx_clk)
            self.phy_rx = GmiiSink(dut.txd, dut.tx_er, dut.tx_en, dut.tx_clk)
            dut.nibbles.value = self.speed != 1000
        self.phy_tx.mii_mode = self.phy_rx.mii_mode = self.speed != 1000
        self.source = AxiStreamSource(AxiStreamBus.from_prefix(dut, "in"), dut.clk, dut.rst)
        self.sink = AxiStreamSink(AxiStreamBus.from_prefix(dut, "out"), dut.clk, dut.rst)

    @classmethod
    async def ready(cls, dut) -> Rig:
        """A rig whose clocks run, after reset, with the speed known."""
        for pin in INPUTS:
            if hasattr(dut, pin):
                getattr(dut, pin).value = 0
        dut.rst.value = 1
        await Timer(1, unit="ns")
        rig = cls(dut)
        symbol_ps = rig.byte_ps // (1 if rig.speed == 1000 else 2)
        Clock(dut.clk, SYNC_PS, unit="ps", impl="gpi").start()
        rig._clock(dut.rx_clk, symbol_ps, SETTINGS["rx_ppm"], SETTINGS["jitter_ps"])
        rig._clock(dut.tx_clk, TX_125_PS if rig.rgmii else symbol_ps, SETTINGS["tx_ppm"], 0)
        await Timer(20 * symbol_ps, unit="ps")
        await ClockCycles(dut.clk, 4)
        dut.rst.value = 0
        if rig.rgmii:
            await Timer(20, unit="us")
            assert int(dut.speed.value) == {10: 1, 100: 2, 1000: 4}[rig.speed]
        else:
            await Timer(20 * symbol_ps, unit="ps")
        return rig

    def _clock(self, pin, period_ps: int, ppm: float, jitter_ps: int) -> None:
        half_fs = round(period_ps * FS / 2 / (1 + ppm / 1e6))
        if not jitter_ps:
            Clock(pin, 2 * half_fs, unit="fs", impl="gpi").start()
            return

        async def run() -> None:
            random_ = random.Random(1)
            before, level = 0, 0
            while True:
                late = random_.randint(-jitter_ps * FS, jitter_ps * FS)
                await Timer(half_fs + late - before, unit="fs")
                before, level = late, 1 - level
                pin.value = level

        cocotb.start_soon(run())

    async def received(self) -> list[tuple[bytes, bool]]:
        """What came over to the datapath once the line has been idle for a while: bytes, whether it is marked bad."""
        await self.phy_tx.wait()
        await Timer(40 * self.byte_ps + 100 * SYNC_PS, unit="ps")
        while not self.sink.idle():
            await ClockCycles(self.dut.clk, 10)
        frames = [self.sink.recv_nowait(compact=False) for _ in range(self.sink.count())]
        return [self._checked(frame) for frame in frames]

    def _checked(self, frame: AxiStreamFrame) -> tuple[bytes, bool]:
        kept = [bool(bit) for bit in frame.tkeep]
        assert kept == sorted(kept, reverse=True), "keep has a gap"
        return bytes(b for b, keep in zip(frame.tdata, kept, strict=True) if keep), bool(frame.tuser[-1])

    async def sent(self, count: int) -> list[GmiiFrame]:
        """The next frames on the line, each whole and well formed."""
        frames = [await self.phy_rx.recv() for _ in range(count)]
        # At 1000 Mb/s the model of GMII leaves out the first symbol.
        preamble = 6 if self.speed == 1000 and not self.rgmii else 7
        for frame in frames:
            assert frame.error is None
            assert bytes(frame.get_preamble()) == b"\x55" * preamble + b"\xd5"
            assert frame.check_fcs()
        return frames

    def gaps(self, frames: list[GmiiFrame]) -> list[int]:
        """Byte times between frames on the line, rounded."""
        fs = self.byte_ps * FS / (1 + SETTINGS["tx_ppm"] / 1e6)
        return [round((after.sim_time_start - before.sim_time_end) / fs) for before, after in pairwise(frames)]

    async def sending(self) -> None:
        """Until there is a frame on the line."""
        pin = self.dut.tx_ctl if self.rgmii else self.dut.tx_en
        while not int(pin.value):
            await ClockCycles(self.dut.clk, 1)

    def counters(self) -> dict[str, int]:
        """Those that are not zero."""
        values = {name: int(getattr(self.dut, name).value) for name in COUNTERS.members}
        return {name: value for name, value in values.items() if value}
