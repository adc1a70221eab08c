"""Parts of any pipeline: which frames move, and how the host gets between two frames.

Stages 0 .. N-1 each hold one frame or a bubble. A frame stays in its stage while a stage at or behind its own
stalls, or while the output does not take the frame of the last stage. So when a frame leaves a stage, every
stage behind it moves too: what leaves stage x at an edge can rely on a write that leaves stage y > x at the
same edge. And frames never come closer to each other, so that the distance they enter at is one they keep.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class StageControl(wiring.Component):
    """Valid bits and enables of a pipeline of ``stages`` stages, of which those in ``stalling`` can hold
    frames back. Of any ``interval`` stages in a row at most one holds a frame: each one waits in front of the pipeline
    until the one before has gone that far.

    Ports, as lists indexed by stage: ``valid`` Out (a frame is there), ``enable`` Out (what is there leaves
    at the coming edge; the registers of stage k+1 load when ``enable[k]``); as a mapping: ``stall`` In
    (ignored where there is no frame). ``input_valid`` In, ``input_ready`` Out (the registers of stage 0 load
    when ready); ``output_valid`` Out, ``output_ready`` In: the last stage. ``blocked`` Out: a frame waits for
    the output.
    """

    def __init__(self, stages: int, stalling: Collection[int] = (), interval: int = 1) -> None:
        if not 1 <= interval <= stages:
            raise ValueError(f"frames {interval} stages apart in a pipeline of {stages}")
        self._interval = interval
        super().__init__(
            {
                "input_valid": In(1),
                "input_ready": Out(1),
                "output_valid": Out(1),
                "output_ready": In(1),
                "blocked": Out(1),
                **{f"valid_{k}": Out(1) for k in range(stages)},
                **{f"enable_{k}": Out(1) for k in range(stages)},
                **{f"stall_{k}": In(1) for k in stalling},
            }
        )
        self.valid = [getattr(self, f"valid_{k}") for k in range(stages)]
        self.enable = [getattr(self, f"enable_{k}") for k in range(stages)]
        self.stall: Mapping[int, Any] = {k: getattr(self, f"stall_{k}") for k in sorted(stalling)}

    def moves(self, stage: int) -> Any:
        """Whether what is in a stage goes on at the coming edge; in stage -1 it is in front of the pipeline."""
        return self.enable[stage] if stage >= 0 else self.input_ready

    def leaves(self, stage: int) -> Any:
        """Whether a frame leaves a stage at the coming edge."""
        return self.moves(stage) & (self.valid[stage] if stage >= 0 else self.input_valid)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        last = len(self.valid) - 1
        m.d.comb += self.blocked.eq(self.valid[last] & ~self.output_ready)

        # One signal a stage rather than a vector: simulators would see a loop through a vector.
        held = None
        for k in reversed(range(last + 1)):
            if k in self.stall:
                here = self.stall[k] & self.valid[k]
                behind, held = held, Signal(name=f"held_{k}")
                m.d.comb += held.eq(here if behind is None else here | behind)
            if k == last:
                m.d.comb += self.output_valid.eq(self.valid[k] if held is None else self.valid[k] & ~held)
            m.d.comb += self.enable[k].eq(~self.blocked if held is None else ~(self.blocked | held))

        # After the edge the frame before must be in stage ``interval`` at least, or gone.
        near, gap = self.valid[: self._interval - 1], self._interval - 1
        passes = self.enable[gap] | ~self.valid[gap]
        m.d.comb += self.input_ready.eq(passes & ~Cat(near).any() if near else passes)
        with m.If(self.enable[0] | ~self.valid[0]):
            m.d.sync += self.valid[0].eq(self.input_valid & self.input_ready)
        for k in range(last):
            with m.If(self.enable[k + 1]):
                m.d.sync += self.valid[k + 1].eq(self.valid[k] & self.enable[k])
        return m


class HostGate(wiring.Component):
    """Lets the host in between two frames: holds frames in the first stage of a region, waits until the rest
    of the region is empty, grants.

    ``request`` In, ``grant`` Out; ``waiting`` In: a frame is in the first stage; ``inside`` In(n): frames in
    the region's other stages; ``stall`` Out: hold the first stage.
    """

    def __init__(self, inside: int) -> None:
        super().__init__(
            {
                "request": In(1),
                "grant": Out(1),
                "waiting": In(1),
                "inside": In(inside),
                "stall": Out(1),
            }
        )

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.d.comb += [
            self.stall.eq(self.request & self.waiting),
            self.grant.eq(self.request & ~self.inside.any()),
        ]
        return m
