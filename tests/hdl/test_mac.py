"""The MAC between models of PHYs that others wrote (cocotbext-eth), in Icarus: `mac_tests.py` says what they do."""

from __future__ import annotations

import shutil

import mac_bench
import pytest
from amaranth.sim import Simulator
from hardpath.hdl.mac.mii import ByteReceiver

pytest.importorskip("cocotbext.eth", reason="the models of PHYs are missing: install the extra `test`")
needs_icarus = pytest.mark.skipif(shutil.which("iverilog") is None, reason="install iverilog")

JUMBO = 9018
RECEIVES = ("receives_back_to_back", "receives_after_any_preamble_and_gap", "marks_and_counts_broken_frames")
SENDS = ("sends_back_to_back", "a_slow_writer_is_waited_for")
HOLDS = (
    "datapath_may_pause",
    "loses_whole_frames_when_nobody_reads",
    "frames_longer_than_half_the_queue_begin_before_their_end",
    "what_ends_with_an_error_or_too_late_is_good_to_nobody",
)
ALL = (*RECEIVES, *SENDS, *HOLDS)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    built = {}

    def run(phy, tests, *, speed, max_frame=1518, depth=2048, ppm=0, jitter_ps=0, **more):
        if (phy, max_frame, depth) not in built:
            built[phy, max_frame, depth] = mac_bench.build(tmp_path_factory.mktemp(phy), phy, max_frame, depth)
        settings = {"phy": phy, "speed": speed, "max_frame": max_frame, "depth": depth}
        settings |= {"rx_ppm": ppm, "tx_ppm": -ppm, "jitter_ps": jitter_ps, **more}
        mac_bench.run(built[phy, max_frame, depth], "mac_tests", tests, settings)

    return run


@needs_icarus
@pytest.mark.parametrize(("phy", "ppm", "jitter_ps"), [("gmii", 100, 0), ("rgmii", -100, 150)])
def test_gigabit(bench, phy, ppm, jitter_ps):
    bench(phy, ALL, speed=1000, ppm=ppm, jitter_ps=jitter_ps)


@needs_icarus
@pytest.mark.parametrize("sync_ps", [24_000, 63_980])
def test_the_datapath_may_be_as_slow_as_the_line(bench, sync_ps):
    # A beat takes the line 64 ns.
    bench("gmii", ("receives_back_to_back", "a_slow_writer_is_waited_for"), speed=1000, ppm=-100, sync_ps=sync_ps)


@needs_icarus
@pytest.mark.parametrize("phy", ["gmii", "rgmii"])
def test_100_megabit(bench, phy):
    bench(phy, (*RECEIVES, *SENDS), speed=100, ppm=100, jitter_ps=500)


@needs_icarus
def test_10_megabit(bench):
    bench("rgmii", ("receives_back_to_back", "sends_back_to_back"), speed=10, ppm=-100)


@needs_icarus
@pytest.mark.slow
@pytest.mark.parametrize("phy", ["gmii", "rgmii"])
def test_jumbo_frames_longer_than_the_queue(bench, phy):
    tests = ("receives_back_to_back", "datapath_may_pause", "sends_back_to_back")
    bench(phy, tests, speed=1000, max_frame=JUMBO, depth=4096, ppm=100)


@pytest.mark.parametrize("dribble", [False, True])
@pytest.mark.parametrize("preamble", [2, 15, 16])
def test_half_a_byte_at_the_end_is_dropped_and_the_delimiter_tells_where_bytes_begin(preamble, dribble):
    dut = ByteReceiver()
    frame = bytes(range(1, 30)) + b"\xd5\x5d"
    nibbles = [5] * preamble + [0xD] + [n for byte in frame for n in (byte & 15, byte >> 4)] + [9] * dribble
    seen = []

    async def bench(ctx):
        ctx.set(dut.nibbles, 1)
        for symbol in [*({"data": n, "valid": 1} for n in nibbles), *[{"data": 0xB}] * 4]:
            ctx.set(dut.symbol, symbol)
            await ctx.tick()
            if ctx.get(dut.enable) and ctx.get(dut.output.valid):
                seen.append(ctx.get(dut.output.data))

    simulator = Simulator(dut)
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    assert bytes(seen[seen.index(0xD5) + 1 :]) == frame
