"""Verdicts as the hardware's ports have them: those of XDP, and one of its own."""

from __future__ import annotations

from typing import Any

XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT, BROADCAST = range(6)
"""The last one is XDP_REDIRECT, too, to every interface whose bit in ``redirect`` is set."""


def interfaces_of(redirect: int) -> tuple[int, ...]:
    """The interfaces of a `BROADCAST`, in ascending order."""
    return tuple(number for number in range(redirect.bit_length()) if redirect >> number & 1)


def sent_through(port: int, source: Any, verdict: Any, redirect: Any) -> Any:
    """1 bit: a frame that came in at port ``source`` leaves through ``port`` because of TX or a redirect. Ports count
    from 0; their interfaces from 1. Where PASS leads to depends on what is around the program."""
    return (
        ((verdict == XDP_TX) & (source == port))
        | ((verdict == XDP_REDIRECT) & (redirect == port + 1))
        | ((verdict == BROADCAST) & redirect[port + 1])
    )
