"""All clocks of a board from its oscillator, with the PLL of the ECP5."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from amaranth import Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import Out

from ..hdl.errors import InputError

LINE_MHZ = 125.0
"""The clock of RGMII at 1 Gb/s."""

VCO_MHZ = (400.0, 800.0)
COMPARED_MHZ = (3.125, 400.0)
MAX_DIVIDER = 128
"""Limits of EHXPLLL (Lattice FPGA-DS-02012, table 3.31)."""


@dataclass(frozen=True, slots=True)
class Pll:
    """Dividers of EHXPLLL: of the input, of the feedback (which is the first output, ``line``), of both outputs."""

    input: int
    feedback: int
    line: int
    datapath: int
    input_mhz: float

    @property
    def vco_mhz(self) -> float:
        """What the oscillator inside runs at."""
        return self.line_mhz * self.line

    @property
    def line_mhz(self) -> float:
        """The first output."""
        return self.input_mhz / self.input * self.feedback

    @property
    def datapath_mhz(self) -> float:
        """The second output."""
        return self.vco_mhz / self.datapath


def plan(input_mhz: float, datapath_mhz: float) -> Pll:
    """Dividers for 125 MHz, exactly, and the fastest clock for the datapath that is not above what is wanted. Raises
    `InputError` if there are none."""
    found = [
        pll
        for input_divider in range(1, MAX_DIVIDER + 1)
        if COMPARED_MHZ[0] <= input_mhz / input_divider <= COMPARED_MHZ[1]
        for feedback in [round(LINE_MHZ * input_divider / input_mhz)]
        if 1 <= feedback <= MAX_DIVIDER and abs(input_mhz * feedback / input_divider - LINE_MHZ) < 1e-6
        for line in range(1, MAX_DIVIDER + 1)
        if VCO_MHZ[0] <= LINE_MHZ * line <= VCO_MHZ[1]
        for pll in [Pll(input_divider, feedback, line, _divider(LINE_MHZ * line, datapath_mhz), input_mhz)]
        if pll.datapath <= MAX_DIVIDER
    ]
    if not found:
        raise InputError(f"the PLL makes no {datapath_mhz:g} MHz from {input_mhz:g} MHz: choose another --clock")
    return max(found, key=lambda pll: (round(pll.datapath_mhz, 6), -pll.input, -abs(pll.vco_mhz - 600)))


def _divider(vco_mhz: float, wanted_mhz: float) -> int:
    """The least with which the output is not above what is wanted."""
    divider = max(1, int(vco_mhz / wanted_mhz))
    return divider if vco_mhz / divider <= wanted_mhz * (1 + 1e-9) else divider + 1


class Clocks(wiring.Component):
    """The PLL behind the platform's oscillator ``platform.default_clk``. ``line`` and ``datapath`` Out(1): its clocks,
    one and the same if they are as fast; ``settled`` Out(1): they are stable. nextpnr derives their frequencies."""

    def __init__(self, pll: Pll) -> None:
        self._pll = pll
        super().__init__({"line": Out(1), "datapath": Out(1), "settled": Out(1)})

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        pll = self._pll
        m.submodules.oscillator = oscillator = io.Buffer("i", platform.request(platform.default_clk, dir="-"))
        own = abs(pll.datapath_mhz - pll.line_mhz) > 1e-6
        second = Signal()
        m.submodules.pll = Instance(
            "EHXPLLL",
            p_CLKI_DIV=pll.input, p_CLKFB_DIV=pll.feedback, p_FEEDBK_PATH="CLKOP",
            p_CLKOP_DIV=pll.line, p_CLKOP_CPHASE=pll.line - 1, p_CLKOP_FPHASE=0, p_CLKOP_ENABLE="ENABLED",
            p_CLKOS_DIV=pll.datapath, p_CLKOS_CPHASE=pll.datapath - 1, p_CLKOS_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED" if own else "DISABLED",
            a_FREQUENCY_PIN_CLKI=f"{pll.input_mhz:g}", a_FREQUENCY_PIN_CLKOP=f"{pll.line_mhz:g}",
            a_FREQUENCY_PIN_CLKOS=f"{pll.datapath_mhz:g}",
            a_ICP_CURRENT="12", a_LPF_RESISTOR="8",
            i_CLKI=oscillator.i, i_CLKFB=self.line, i_RST=Const(0), i_STDBY=Const(0),
            i_PHASESEL0=Const(0), i_PHASESEL1=Const(0), i_PHASEDIR=Const(0), i_PHASESTEP=Const(0),
            i_PHASELOADREG=Const(0), i_PLLWAKESYNC=Const(0), i_ENCLKOP=Const(1), i_ENCLKOS=Const(1),
            o_CLKOP=self.line, o_CLKOS=second, o_LOCK=self.settled,
        )  # fmt: skip
        m.d.comb += self.datapath.eq(second if own else self.line)
        return m
