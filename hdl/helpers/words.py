"""64-bit numbers as BPF registers hold them."""

from __future__ import annotations

U64 = (1 << 64) - 1


def unsigned(value: int) -> int:
    """A signed result (an errno, say) as an unsigned 64-bit register value."""
    return value & U64


def signed(value: int, bits: int) -> int:
    """The low ``bits`` bits of a register as a two's complement number."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value
