"""What happened to one frame, the same records for every engine and oracle."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..hdl.verdicts import BROADCAST, interfaces_of


class Verdict(enum.IntEnum):
    """enum xdp_action (include/uapi/linux/bpf.h)."""

    ABORTED = 0
    DROP = 1
    PASS = 2
    TX = 3
    REDIRECT = 4

    @classmethod
    def of(cls, action: int) -> Verdict:
        """The verdict of a program's return value (its low 32 bits count); an invalid action aborts."""
        action &= 0xFFFFFFFF
        return cls(action) if action <= cls.REDIRECT else cls.ABORTED

    def __str__(self) -> str:
        return f"XDP_{self.name}"

    @property
    def sends(self) -> bool:
        """Whether the frame goes on (to the host, back, or out of another port)."""
        return self >= Verdict.PASS


Redirect = int | tuple[int, ...] | None
"""Where a frame is redirected to: one target, or the interfaces of a broadcast in ascending order."""


def decoded(verdict: int, redirect: int) -> tuple[Verdict, int | tuple[int, ...]]:
    """What the hardware says with 3 and 32 bits: the verdict, and where a redirect goes."""
    if verdict == BROADCAST:
        return Verdict.REDIRECT, interfaces_of(redirect)
    return Verdict(verdict), redirect


@dataclass(frozen=True, slots=True)
class FrameResult:
    """One input frame's fate.

    ``index``: number of the frame in the input, from 0. ``out``: the frame's bytes after the program,
    None for aborted and dropped ones. ``redirect``: for XDP_REDIRECT the target's ifindex, or those of all, else None
    (always None from Linux, which does not show it). ``latency_cycles``, ``latency_ns``: first beat in to
    first beat out, for frames that are not sent to the verdict; None from oracles, which have no clock.
    """

    index: int
    verdict: Verdict
    out: bytes | None = None
    redirect: Redirect = None
    latency_cycles: int | None = None
    latency_ns: float | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an oracle saw of one run.

    ``r0``: the program's return value (64 bits from the interpreter, 32 from Linux). ``frame``: data start to
    data end afterwards, whatever the verdict, without metadata. ``redirect``: as in `FrameResult`.
    """

    verdict: Verdict
    frame: bytes
    redirect: Redirect
    r0: int

    def result(self, index: int) -> FrameResult:
        """The same as the fate of input frame ``index``."""
        return FrameResult(index, self.verdict, self.frame if self.verdict.sends else None, self.redirect)
