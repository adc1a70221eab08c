"""The payload FIFO against a list, in any order of operations."""

from __future__ import annotations

from amaranth.sim import Simulator
from hardpath.hdl.payload_fifo import PayloadFifo
from hypothesis import given, settings
from hypothesis import strategies as st

CYCLE = st.tuples(st.booleans(), st.sampled_from("--cr"), st.sampled_from([0, 1, 1]), st.integers(0, 255))


@given(depth=st.sampled_from([1, 2, 3, 8]), cycles=st.lists(CYCLE, min_size=1, max_size=120))
@settings(max_examples=60, deadline=None)
def test_only_committed_items_come_out_and_all_of_them(depth, cycles):
    fifo = PayloadFifo(8, depth)
    committed, pending, out = [], [], []

    async def drive(ctx):
        for write, end, ready, data in [*cycles, *[(False, "-", 1, 0)] * (fifo.depth + 3)]:
            write = write and not ctx.get(fifo.full)
            ctx.set(fifo.write, write)
            ctx.set(fifo.write_data, data)
            ctx.set(fifo.commit, end == "c")
            ctx.set(fifo.rollback, end == "r")
            ctx.set(fifo.output.ready, ready)
            assert ctx.get(fifo.full) == (len(committed) + len(pending) - len(out) == fifo.depth)
            if write:
                pending.append(data)
            _, _, valid, item = await ctx.tick().sample(fifo.output.valid, fifo.output.payload)
            if valid and ready:
                out.append(item)
                assert out == committed[: len(out)]
            if end == "c":
                committed.extend(pending)
            if end != "-":
                pending.clear()

    simulator = Simulator(fifo)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    assert out == committed


def test_a_committed_item_can_be_read_two_cycles_later_and_then_one_every_cycle():
    fifo = PayloadFifo(8, 8)
    seen = []

    async def drive(ctx):
        ctx.set(fifo.output.ready, 1)
        for cycle in range(8):
            ctx.set(fifo.write, cycle < 4)
            ctx.set(fifo.write_data, cycle)
            ctx.set(fifo.commit, cycle == 3)
            _, _, valid, item = await ctx.tick().sample(fifo.output.valid, fifo.output.payload)
            seen.append(item if valid else None)

    simulator = Simulator(fifo)
    simulator.add_clock(1e-6)
    simulator.add_testbench(drive)
    simulator.run()
    assert seen == [None] * 5 + [0, 1, 2]
