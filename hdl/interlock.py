"""Interlocks: a younger frame waits before it touches an entry that an older frame has yet to touch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Interlock(wiring.Component):
    """Compares one younger frame with the older frames in a window of later stages.

    ``compared[j]``: whether the older access's tag is known in window stage j; where it is not, tags count as
    equal. With ``tag_width`` 0 all accesses are to the same entry.

    ``active`` In: the younger frame is there and is going to access. ``tag`` In(tag_width): its entry.
    ``older_active[j]``, ``older_tag[j]`` In: the same of the frame in window stage j.
    ``conflict`` Out: the younger frame must wait.
    """

    def __init__(self, tag_width: int, compared: Sequence[bool]) -> None:
        self._compared = [c and tag_width > 0 for c in compared]
        super().__init__(
            {
                "active": In(1),
                "tag": In(tag_width),
                "conflict": Out(1),
                **{f"older_active_{j}": In(1) for j in range(len(compared))},
                **{f"older_tag_{j}": In(tag_width) for j, c in enumerate(self._compared) if c},
            }
        )
        self.older_active = [getattr(self, f"older_active_{j}") for j in range(len(compared))]
        self.older_tag = [getattr(self, f"older_tag_{j}", None) for j in range(len(compared))]

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        conflicts = [
            active if tag is None else active & (tag == self.tag)
            for active, tag in zip(self.older_active, self.older_tag, strict=True)
        ]
        m.d.comb += self.conflict.eq(self.active & Cat(*conflicts).any())
        return m
