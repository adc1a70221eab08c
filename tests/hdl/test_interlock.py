"""The comparators of an interlock, against their definition."""

from __future__ import annotations

from typing import Any

from amaranth.sim import Simulator
from hardpath.hdl.interlock import Interlock
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2), st.lists(st.booleans(), min_size=1, max_size=5), st.data())
def test_waits_for_an_older_access_unless_its_tag_is_known_to_differ(
    width: int, compared: list[bool], data: st.DataObject
) -> None:
    interlock = Interlock(width, compared)
    tags = st.integers(0, (1 << width) - 1)

    async def bench(ctx: Any) -> None:
        for _ in range(20):
            active, tag = data.draw(st.booleans()), data.draw(tags)
            frames = [(data.draw(st.booleans()), data.draw(tags)) for _ in compared]
            ctx.set(interlock.active, active)
            ctx.set(interlock.tag, tag)
            for j, (there, its_tag) in enumerate(frames):
                ctx.set(interlock.older_active[j], there)
                if interlock.older_tag[j] is not None:
                    ctx.set(interlock.older_tag[j], its_tag)
            await ctx.delay(1e-9)
            expected = active and any(
                there and not (known and its_tag != tag)
                for known, (there, its_tag) in zip(compared, frames, strict=True)
            )
            assert ctx.get(interlock.conflict) == expected

    simulator = Simulator(interlock)
    simulator.add_testbench(bench)
    simulator.run()
