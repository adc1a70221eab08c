"""Delay figures of an ECP5-like fabric (LUT4, two-bit carry cells, 18x18 multipliers), in ns.

Every delay the scheduler uses comes from this table. *The figures are estimates*, put together from the ECP5
family data sheet (FPGA-DS-02012, speed grade 6) and typical nextpnr routing; they are not measured yet.
Clock-to-output, setup and skew are not in here: `Target.margin` leaves room for them.
"""

from __future__ import annotations

from math import ceil, log2

LUT = 0.24  # one LUT4, input to output
ROUTE = 0.75  # one hop between slices at nominal routing
LEVEL = LUT + ROUTE  # a level of logic
CARRY = 0.07  # one CCU2C cell, carry in to carry out: two bits
CARRY_ENDS = 0.90 + ROUTE  # into the first cell, out of the last, and the route to it
MULTIPLIER = 4.0 + ROUTE  # MULT18X18D without its registers
MULTIPLIER_BITS = 18  # operand width of one multiplier
FANOUT = 0.12  # for each doubling of a select line's loads beyond 16


def carry_chain(bits: int) -> float:
    """An adder or comparator of ``bits`` bits."""
    return CARRY_ENDS + CARRY * ceil(bits / 2)


def tree(inputs: int) -> float:
    """A reduction (and, or, xor, equality) of ``inputs`` bits to one."""
    return LEVEL * max(1, ceil(log2(max(inputs, 1)))) / 2


def select(bits: int) -> float:
    """A two-way multiplexer of ``bits`` bits; two of them in a row fit one LUT6, hence less than a level."""
    return 0.75 * LEVEL + FANOUT * max(0.0, log2(bits / 16))
