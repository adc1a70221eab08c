"""The frame switch for all inputs, from reset over a number of steps."""

from __future__ import annotations

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from hardpath.hdl.frame_switch import FrameSwitch
from proofs import PROVED, REFUTED, prove

PORTS = 2
STEPS = 10
LONGEST_WAIT = 4
"""Cycles in which all sources offer and all outputs take. It cannot be less, with frames of up to three beats."""
BEAT = data.StructLayout({"source": 1, "index": 2, "last": 1})


class Switch(wiring.Component):
    """Each source numbers its frames and their beats, and keeps what it offers until it is taken. ``holds``: every
    output gets whole frames, those of a source in order and once each, and all that were meant for it when they are
    gone from the source; what is offered to it stays until it is taken; and no source waits longer than `LONGEST_WAIT`.
    ``wrong``: a switch that forgets a way."""

    def __init__(self, wrong: bool = False) -> None:
        self._wrong = wrong
        super().__init__({
            **{f"{name}_{i}": In(1) for name in ("offer", "last", "ready") for i in range(PORTS)},
            **{f"ways_{i}": In(PORTS) for i in range(PORTS)},
            "holds": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.switch = switch = FrameSwitch(BEAT, PORTS, PORTS)
        # What sources meant, and what outputs have got of each source: frames begun.
        meant = [[Signal(2, name=f"meant_{i}_{j}") for j in range(PORTS)] for i in range(PORTS)]
        begun = [[Signal(2, name=f"begun_{i}_{j}") for j in range(PORTS)] for i in range(PORTS)]
        claims = []
        ready = [getattr(self, f"ready_{j}") for j in range(PORTS)]
        busy = Cat(*(given.valid for given in switch.inputs), *ready).all()  # nobody makes a pause
        for i, given in enumerate(switch.inputs):
            valid, last, ways, index = Signal(), Signal(), Signal(PORTS), Signal(2)
            waits = Signal(range(LONGEST_WAIT + 2))
            taken = valid & given.ready
            m.d.comb += [
                given.valid.eq(valid),
                given.payload.source.eq(i),
                given.payload.index.eq(index),
                given.payload.last.eq(last),
                switch.ways[i].eq(ways if not self._wrong else ways & ~index),
            ]
            with m.If(taken | ~valid):
                m.d.sync += [valid.eq(getattr(self, f"offer_{i}")), last.eq(getattr(self, f"last_{i}") | (index >= 2))]
            with m.If(taken):
                m.d.sync += index.eq(Mux(last, 0, index + 1))
            with m.If(Mux(valid, taken & last, index == 0)):
                m.d.sync += ways.eq(getattr(self, f"ways_{i}"))
            with m.If(busy & ~given.ready):
                m.d.sync += waits.eq(waits + 1)
            with m.Else():
                m.d.sync += waits.eq(0)
            claims.append(waits <= LONGEST_WAIT)
            # Frames that are gone have come; the one under way has begun when its first beat is gone.
            for j in range(PORTS):
                with m.If(taken & last & ways[j]):
                    m.d.sync += meant[i][j].eq(meant[i][j] + 1)
                ahead = (begun[i][j] - meant[i][j])[:2]
                claims.append((ahead == ways[j]) | ((index == 0) & (ahead == 0)))
                claims.append((ahead == 0) | valid | (index != 0))
        for j, output in enumerate(switch.outputs):
            inside, source, following = Signal(), Signal(), Signal(2)
            beat = output.payload
            taken = output.valid & ready[j]
            m.d.comb += output.ready.eq(ready[j])
            claims.append(
                ~output.valid | Mux(inside, (beat.source == source) & (beat.index == following), beat.index == 0)
            )
            with m.If(taken):
                m.d.sync += [inside.eq(~beat.last), source.eq(beat.source), following.eq(beat.index + 1)]
            for i in range(PORTS):
                with m.If(taken & (beat.index == 0) & (beat.source == i)):
                    m.d.sync += begun[i][j].eq(begun[i][j] + 1)
            waiting, before = Signal(), Signal(BEAT)
            m.d.sync += [waiting.eq(output.valid & ~ready[j]), before.eq(beat)]
            claims.append(~waiting | (output.valid & (beat.as_value() == before.as_value())))
        m.d.comb += self.holds.eq(Cat(*claims).all())
        return m


def test_every_frame_comes_whole_and_once_wherever_it_shall(tmp_path):
    assert PROVED.format(STEPS) in prove(tmp_path, Switch(), STEPS)


def test_a_switch_that_forgets_a_way_does_not(tmp_path):
    assert REFUTED in prove(tmp_path, Switch(wrong=True), STEPS)
