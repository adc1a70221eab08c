"""Verdicts as the hardware's ports have them: those of XDP, and one of its own."""

from __future__ import annotations

XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT, BROADCAST = range(6)
"""The last one is XDP_REDIRECT, too, to every interface whose bit in ``redirect`` is set."""


def interfaces_of(redirect: int) -> tuple[int, ...]:
    """The interfaces of a `BROADCAST`, in ascending order."""
    return tuple(number for number in range(redirect.bit_length()) if redirect >> number & 1)
