"""Several servers of messages on the same buses at once: each gets the words that it asked for."""

from __future__ import annotations

import random
from functools import partial

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In
from amaranth.sim import Simulator
from hardpath.hdl.bus_share import BusShare
from hardpath.hdl.message_server import MessageServer
from hardpath.hdl.messages import HEAD_WORDS, MORE, REPLY, REQUEST, WORDS, kind_word, run_word

KEY = 0x9E3779B9


class Servers(wiring.Component):
    """``count`` of them in front of one bus, on which a word is its address times KEY."""

    def __init__(self, count: int) -> None:
        self.servers = [MessageServer(1e4) for _ in range(count)]
        super().__init__({"slow": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.share = share = BusShare(len(self.servers), 1)
        for i, server in enumerate(self.servers):
            m.submodules[f"server_{i}"] = server
            wiring.connect(m, server.bus, share.masters[i])
        (bus,) = share.buses
        m.d.comb += [bus.ready.eq(bus.valid & ~self.slow), bus.rdata.eq((bus.address * KEY)[:32])]
        return m


@pytest.mark.parametrize("count", [1, 2, 3])
def test_each_gets_what_it_read_whoever_else_replies(count):
    device, together = Servers(count), 0
    replies: list[list[list[int]]] = [[] for _ in range(count)]
    asked: list[list[tuple[int, int]]] = [[] for _ in range(count)]

    async def sends(ctx, i):
        random_, port = random.Random(i), device.servers[i].input
        for number in range(12):
            words, address = random_.choice((1, 2, 17, WORDS - HEAD_WORDS)), random_.randrange(1 << 15)
            asked[i].append((address, words))
            flags = MORE if random_.random() < 0.3 else 0
            message = [kind_word(REQUEST, flags), number, 1, run_word(0, address, words, False)]
            for at, word in enumerate(message):
                ctx.set(port.payload, {"data": word, "last": at == len(message) - 1})
                ctx.set(port.valid, 1)
                await ctx.tick().until(port.ready)
            ctx.set(port.valid, 0)

    async def takes(ctx, i):
        # The first is as fast as it can, others are slow lines: while one waits, its word stays.
        random_, port, message, held = random.Random(50 + i), device.servers[i].output, [], None
        while True:
            ready = i == 0 or random_.random() < 0.1
            ctx.set(port.ready, ready)
            *_, valid, payload = await ctx.tick().sample(port.valid, port.payload)
            assert held is None or (valid and payload == held)
            held = payload if valid and not ready else None
            if valid and ready:
                message.append(payload.data)
                if payload.last:
                    replies[i].append(message)
                    message = []

    async def watches(ctx):
        nonlocal together
        random_ = random.Random(9)
        for _ in range(60_000):
            if all(len(got) == 12 for got in replies):
                break
            ctx.set(device.slow, random_.random() < 0.2)
            await ctx.tick()
            together += sum(ctx.get(server.bus.fetches) for server in device.servers) > 1

    simulator = Simulator(device)
    simulator.add_clock(1e-6)
    for i in range(count):
        simulator.add_testbench(partial(sends, i=i), background=True)
        simulator.add_testbench(partial(takes, i=i), background=True)
    simulator.add_testbench(watches)
    simulator.run()
    for got, wanted in zip(replies, asked, strict=True):
        for number, (message, (address, words)) in enumerate(zip(got, wanted, strict=True)):
            assert message[0] & 0xFFFFFF == kind_word(REPLY) and message[1:3] == [number, words]
            assert message[HEAD_WORDS:] == [(address + at) * KEY & 0xFFFFFFFF for at in range(words)]
    assert count == 1 or together > 20
