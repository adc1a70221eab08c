"""Two bits a cycle at the pins of a Lattice ECP5, and lines that are delayed by a known time.

Amaranth's ``lib.io.DDRBuffer`` has no place for a delay between pad and register, and no simulation; so the cells of
the ECP5 are used as they are (Lattice TN1265), and `CELLS` says what they do.
"""

from __future__ import annotations

from amaranth import ClockSignal, Const, Instance, Module, Signal, Value

TAP_PS = 25
"""Delay of one tap of DELAYG in picoseconds."""
MAX_TAPS = 127


def taps(delay_ps: int) -> int:
    """Taps for a delay, rounded. ValueError if DELAYG has not so many."""
    wanted = round(delay_ps / TAP_PS)
    if not 0 <= wanted <= MAX_TAPS:
        raise ValueError(f"delay of {delay_ps} ps: choose 0 to {MAX_TAPS * TAP_PS}")
    return wanted


def delayed(m: Module, wire: Value, delay_ps: int) -> Value:
    """The wire (1 bit, between a pad and its register or clock net) behind a delay."""
    if not taps(delay_ps):
        return wire
    out = Signal()
    m.submodules += Instance(
        "DELAYG", p_DEL_MODE="USER_DEFINED", p_DEL_VALUE=taps(delay_ps), i_A=wire, o_Z=out
    )
    return out


def ddr_input(m: Module, wire: Value, domain: str) -> tuple[Signal, Signal]:
    """What a wire (1 bit) had at a rising edge of the domain's clock and at the falling edge behind it, both from the
    next rising edge on."""
    rising, falling = Signal(), Signal()
    m.submodules += Instance(
        "IDDRX1F", i_SCLK=ClockSignal(domain), i_RST=Const(0), i_D=wire, o_Q0=rising, o_Q1=falling
    )
    return rising, falling


def ddr_output(m: Module, high: Value, low: Value, domain: str) -> Signal:
    """A wire with the first bit while the domain's clock is high, the second while it is low, two cycles later."""
    wire = Signal()
    m.submodules += Instance(
        "ODDRX1F", i_SCLK=ClockSignal(domain), i_RST=Const(0), i_D0=high, i_D1=low, o_Q=wire
    )
    return wire


CELLS = f"""
module DELAYG (input A, output reg Z);
  parameter DEL_MODE = "USER_DEFINED";
  parameter DEL_VALUE = 0;
  always @(A) Z <= #(DEL_VALUE * {TAP_PS}) A;
endmodule

module IDDRX1F (input SCLK, input RST, input D, output reg Q0, output reg Q1);
  reg rose, fell;
  always @(posedge SCLK) begin rose <= D; Q0 <= rose; Q1 <= fell; end
  always @(negedge SCLK) fell <= D;
endmodule

module ODDRX1F (input SCLK, input RST, input D0, input D1, output reg Q);
  reg high, low, next_low;
  always @(posedge SCLK) begin high <= D0; low <= D1; Q <= high; next_low <= low; end
  always @(negedge SCLK) Q <= next_low;
endmodule
"""
"""Verilog of the cells above for simulation, in whole picoseconds (to be compiled with a unit of 1 ps)."""
