"""Delay figures of an ECP5-like fabric (LUT4, two-bit carry cells, 18x18 multipliers), in ns.

Every delay of an operator that the scheduler uses comes from this table. Measured with `bench/delays.py`: yosys and
nextpnr-ecp5 0.11, LFE5U-45F speed grade 6, one operator alone between registers, so placed and routed better than in
a full device. Clock-to-output (0.52) and setup (up to 0.42) are not in here: `Target.margin` leaves room for them.
"""

from __future__ import annotations

from math import ceil, log2

LUT = 0.24  # one LUT4, input to output
ROUTE = 0.83  # one hop between slices
LEVEL = LUT + ROUTE  # a level of logic
CARRY = 0.071  # one CCU2C cell, carry in to carry out: two bits
CARRY_ENDS = 2.0  # into the first cell and out of the last one, with the routes
COMPARE_END = 0.7  # a comparison's result leaves the chain through one more cell
MULTIPLIER = 6.5  # MULT18X18D without its registers, with the routes
MULTIPLIER_BITS = 18  # operand width of one multiplier
FANOUT = 0.25  # for each doubling of a line's loads beyond 8


def carry_chain(bits: int) -> float:
    """An adder of ``bits`` bits."""
    return CARRY_ENDS + CARRY * ceil(bits / 2)


def comparison(bits: int) -> float:
    """Less-than of two numbers of ``bits`` bits: a carry chain, or plain logic if that is shorter."""
    return min(carry_chain(bits) + COMPARE_END, bits * LEVEL)


def tree(inputs: int) -> float:
    """A reduction (such as equality) of ``inputs`` bits to one."""
    return LEVEL * max(1, ceil(log2(inputs) / 2))


def choice() -> float:
    """A two-way multiplexer from its data; two of them in a row fit one LUT6, hence less than a level."""
    return 0.8 * LEVEL


def select(bits: int) -> float:
    """A two-way multiplexer of ``bits`` bits from the line that switches them all."""
    return LEVEL + FANOUT * max(0.0, log2(bits / 8))
