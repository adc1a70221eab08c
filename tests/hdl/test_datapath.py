"""The whole datapath around a stub pipeline, frame by frame and cycle by cycle."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hardpath.hdl.control import Identity
from hardpath.hdl.datapath import Datapath
from hardpath.hdl.stream import outcome_layout, window_layout
from hardpath.hdl.window_queue import LATENCY
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

DROP, PASS, TX, REDIRECT = 1, 2, 3, 4


class Stub(wiring.Component):
    """A pipeline of ``stages`` register stages for a program that swaps the MAC addresses, sends frames that begin
    with an even byte to TX and redirects those whose first byte is a multiple of 3; others are dropped."""

    def __init__(self, window: int, stages: int) -> None:
        self.window = window
        self.stages = stages
        super().__init__({
            "input": In(stream.Signature(window_layout(window))),
            "output": Out(stream.Signature(outcome_layout(window, 0))),
        })

    def elaborate(self, platform):
        m = Module()
        shape = window_layout(self.window)
        frames = [Signal(shape, name=f"frame{i}") for i in range(self.stages)]
        valid = [Signal(name=f"valid{i}") for i in range(self.stages)]
        # Frames close up while egress is busy; a compiled pipeline has a queue behind it for that.
        ready = [self.output.ready]
        for v in reversed(valid):
            ready.insert(0, ~v | ready[0])
        m.d.comb += self.input.ready.eq(ready[0])
        before, before_valid = self.input.payload, self.input.valid
        for frame, v, enable in zip(frames, valid, ready, strict=False):
            with m.If(enable):
                m.d.sync += [frame.eq(before), v.eq(before_valid)]
            before, before_valid = frame, v
        last, out = frames[-1], self.output.payload
        first = last.window[:8]
        m.d.comb += [
            self.output.valid.eq(valid[-1]),
            out.window.eq(last.window),
            out.window[:48].eq(last.window[48:96]),
            out.window[48:96].eq(last.window[:48]),
            out.length.eq(last.length),
            out.limit.eq(last.length),
            out.redirect.eq(last.ifindex + last.rx_queue + last.time_ns),
            out.verdict.eq(DROP),
        ]
        with m.If(first % 3 == 0):
            m.d.comb += out.verdict.eq(REDIRECT)
        with m.Elif(first % 2 == 0):
            m.d.comb += out.verdict.eq(TX)
        return m

    @staticmethod
    def verdict(frame: bytes) -> int:
        return REDIRECT if frame[0] % 3 == 0 else TX if frame[0] % 2 == 0 else DROP


@dataclass(frozen=True)
class Received:
    data: bytes
    ifindex: int = 1
    queue: int = 0
    time: int = 0
    error: bool = False


@dataclass
class Trace:
    """What was seen at the ports. ``sent``: (bytes, verdict, redirect); cycles of first beats in, of first and
    last beats out."""

    sent: list = field(default_factory=list)
    results: list = field(default_factory=list)
    begun: list = field(default_factory=list)
    first_out: list = field(default_factory=list)
    last_out: list = field(default_factory=list)


def run(datapath: Datapath, width: int, frames: list[Received], results: int, rng, pace=1.0, ready=1.0) -> Trace:
    trace = Trace()
    d = datapath
    now = Signal(32)
    top = Module()
    top.submodules.d = d
    top.d.sync += now.eq(now + 1)

    async def feed(ctx):
        for frame in frames:
            for at in range(0, len(frame.data), width):
                part = frame.data[at : at + width]
                last = at + width >= len(frame.data)
                while rng.random() >= pace:
                    await ctx.tick()
                ctx.set(d.rx_data, int.from_bytes(part, "little") | (rng.getrandbits(8) << (8 * width - 8)) * (
                    len(part) < width
                ))
                ctx.set(d.rx_keep, (1 << len(part)) - 1)
                ctx.set(d.rx_last, last)
                ctx.set(d.rx_error, last and frame.error)
                ctx.set(d.rx_ifindex, frame.ifindex if at == 0 else 99)
                ctx.set(d.rx_queue, frame.queue if at == 0 else 99)
                ctx.set(d.rx_time, frame.time if at == 0 else 99)
                ctx.set(d.rx_valid, 1)
                cycle, = await ctx.tick().sample(now).until(d.rx_ready)
                if at == 0:
                    trace.begun.append(cycle)
                ctx.set(d.rx_valid, 0)

    async def collect(ctx):
        data = bytearray()
        idle = 0
        while len(trace.results) < results:
            ctx.set(d.tx_ready, rng.random() < ready)
            _, _, cycle, valid, go, last, beat, keep, verdict, redirect, done, *result = await ctx.tick().sample(
                now, d.tx_valid, d.tx_ready, d.tx_last, d.tx_data, d.tx_keep, d.tx_verdict, d.tx_redirect,
                d.result_valid, d.result_verdict, d.result_redirect, d.result_length,
                d.result_latency_first, d.result_latency_last,
            )
            idle = 0 if valid or done else idle + 1
            assert idle < 2000, "the datapath stands still"
            if valid and go:
                if not data:
                    trace.first_out.append(cycle)
                count = keep.bit_count()
                data += (beat & ((1 << (8 * count)) - 1)).to_bytes(count, "little")
                if last:
                    trace.last_out.append(cycle)
                    trace.sent.append((bytes(data), verdict, redirect))
                    data = bytearray()
            if done:
                trace.results.append(tuple(result))

    simulator = Simulator(top)
    simulator.add_clock(1e-6)
    simulator.add_testbench(feed)
    simulator.add_testbench(collect)
    simulator.run()
    return trace


def swapped(frame: bytes) -> bytes:
    return frame[6:12] + frame[:6] + frame[12:]


def make(width: int, window: int, stages: int, max_frame: int = 2048, outcomes: int = 0) -> Datapath:
    return Datapath(
        Stub(window, stages),
        identity=Identity("swap", width, window, 0, max_frame),
        in_flight=stages,
        residence=stages + (LATENCY + max_frame // width if outcomes else 0),
        outcomes=outcomes,
        start=0,
        tail_fixed=True,
    )


SHAPES = [(8, 16, 1), (16, 32, 5), (32, 32, 3), (64, 64, 7), (64, 128, 2)]


@pytest.mark.parametrize("outcomes", [0, 4])
@pytest.mark.parametrize(("width", "window", "stages"), SHAPES)
@given(seed=st.integers(0, 2**32), pace=st.sampled_from([1.0, 0.7]), ready=st.sampled_from([1.0, 0.5]))
@settings(max_examples=3, deadline=None, phases=[Phase.generate])
def test_frames_come_out_in_order_with_their_results(width, window, stages, outcomes, seed, pace, ready):
    rng = random.Random(seed)
    frames = [
        Received(
            rng.randbytes(rng.choice([14, 60, 64, rng.randint(1, 13), rng.randint(14, 320), rng.randint(257, 400)])),
            rng.getrandbits(32),
            rng.randrange(8),
            rng.getrandbits(60),
            rng.random() < 0.1,
        )
        for _ in range(40)
    ]
    good = [(i, f) for i, f in enumerate(frames) if not f.error and 14 <= len(f.data) <= 300]
    trace = run(make(width, window, stages, 300, outcomes), width, frames, len(good), rng, pace, ready)
    sent = iter(zip(trace.sent, trace.first_out, trace.last_out, strict=True))
    for (i, frame), result in zip(good, trace.results, strict=True):
        verdict, redirect, length, latency_first, latency_last = result
        assert verdict == Stub.verdict(frame.data)
        assert redirect == (frame.ifindex + frame.queue + frame.time) & 0xFFFFFFFF
        if verdict == DROP:
            assert length == 0
            assert latency_first == latency_last > 0
        else:
            out, first, last = next(sent)
            assert out == (swapped(frame.data), verdict, redirect)
            assert length == len(frame.data)
            assert (latency_first, latency_last) == (first - trace.begun[i], last - trace.begun[i])
    assert next(sent, None) is None


@pytest.mark.parametrize("size", [60, 64, 65, 1514])
@pytest.mark.parametrize("first_byte", [0, 1, 2])
def test_line_rate(size, first_byte):
    """Every verdict sustains one beat a cycle, with a latency that does not grow."""
    width, stages, count = 64, 6, 30
    frames = [Received(bytes([first_byte]) + bytes(size - 1))] * count
    trace = run(make(width, 64, stages), width, frames, count, random.Random(1))
    beats = -(-size // width)
    assert [b - a for a, b in zip(trace.begun, trace.begun[1:], strict=False)] == [beats] * (count - 1)
    # beats in, the window register, the stages, the register of egress
    first = beats - 1 + 1 + stages + 1
    last = first + (beats - 1 if first_byte != 1 else 0)
    assert {result[3:] for result in trace.results} == {(first, last)}
