"""The control bus with real maps behind it, spoken to by the host's own client."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hardpath.codegen.spec import MapSpec
from hardpath.hdl import registers
from hardpath.hdl.control import Identity
from hardpath.hdl.datapath import Datapath
from hardpath.hdl.errors import InputError, Refused
from hardpath.hdl.maps.registry import MAP_TYPES
from hardpath.hdl.maps.unit import HostSignature
from hardpath.hdl.stream import Skid, outcome_layout, window_layout
from hardpath.sim.control_client import ControlClient, one_by_one

ARRAY = MapSpec("counts", 2, 4, 12, 5, initial=bytes(range(60)))
HASH = MapSpec("flows", 1, 6, 8, 16)
DIGEST = bytes(range(32))
WIDTH = WINDOW = 32


class Verdicts(wiring.Component):
    """A pipeline of one stage whose verdict is a frame's first byte, with maps that it does not use. It reports a
    stall for frames whose second byte is 1."""

    def __init__(self, maps: list[MapSpec], window: int = WINDOW) -> None:
        self._window = window
        self._units = [MAP_TYPES[shape.type].hardware(shape, []) for shape in maps]
        super().__init__({
            "input": In(stream.Signature(window_layout(window))),
            "output": Out(stream.Signature(outcome_layout(window, 0))),
            "stall_causes": Out(2),
            **{f"host_{i}": Out(HostSignature(shape)) for i, shape in enumerate(maps)},
        })
        self.hosts = {shape.name: getattr(self, f"host_{i}") for i, shape in enumerate(maps)}

    def elaborate(self, platform):
        m = Module()
        for i, unit in enumerate(self._units):
            m.submodules[f"unit{i}"] = unit
            m.d.comb += unit.host_grant.eq(unit.host_request)
            wiring.connect(m, unit.host, wiring.flipped(getattr(self, f"host_{i}")))
        m.submodules.stage = stage = Skid(window_layout(self._window))
        wiring.connect(m, wiring.flipped(self.input), stage.input)
        frame, out = stage.output.payload, self.output.payload
        m.d.comb += [
            out.verdict.eq(frame.window[:8]),
            out.window.eq(frame.window),
            out.length.eq(frame.length),
            self.output.valid.eq(stage.output.valid),
            stage.output.ready.eq(self.output.ready),
            self.stall_causes[1].eq(stage.output.valid & (frame.window[8:16] == 1)),
        ]
        return m


class Device:
    """A datapath in the simulator: transfers and frames go in from outside, time passes while they do."""

    def __init__(self, maps: list[MapSpec], bins: int = 32, width: int = WIDTH) -> None:
        identity = Identity("verdicts", width, width, 0, 100, maps, ["nobody", "frames"], DIGEST, bins)
        held = {"in_flight": 4, "residence": 4}
        self.datapath = d = Datapath(Verdicts(maps, width), identity=identity, **held, start=0, tail_fixed=True)
        self._requests: deque = deque()
        self._answers: deque = deque()
        self._frames: deque = deque()
        self.transfers = 0

        async def bus(ctx):
            while True:
                if not self._requests:
                    await ctx.tick()
                    continue
                address, word = self._requests.popleft()
                ctx.set(d.bus_address, address)
                ctx.set(d.bus_write, word is not None)
                ctx.set(d.bus_wdata, word or 0)
                ctx.set(d.bus_valid, 1)
                (data,) = await ctx.tick().sample(d.bus_rdata).until(d.bus_ready)
                ctx.set(d.bus_valid, 0)
                self._answers.append(data)

        async def feed(ctx):
            ctx.set(d.tx_ready, 1)
            while True:
                if not self._frames:
                    await ctx.tick()
                    continue
                frame, error = self._frames[0]
                for at in range(0, len(frame), width):
                    part = frame[at : at + width]
                    ctx.set(d.rx_data, int.from_bytes(part, "little"))
                    ctx.set(d.rx_keep, (1 << len(part)) - 1)
                    ctx.set(d.rx_last, at + width >= len(frame))
                    ctx.set(d.rx_error, error)
                    ctx.set(d.rx_valid, 1)
                    await ctx.tick().until(d.rx_ready)
                ctx.set(d.rx_valid, 0)
                if len(self._frames) == 1:
                    await ctx.tick().repeat(20)  # until its result has been counted
                self._frames.popleft()

        self._simulator = Simulator(d)
        self._simulator.add_clock(1e-6)
        self._simulator.add_testbench(bus, background=True)
        self._simulator.add_testbench(feed, background=True)

    def batch(self, transfers):
        self.transfers += 1
        self._requests.extend(transfers)
        while len(self._answers) < len(transfers):
            self._simulator.advance()
        words = [self._answers.popleft() for _ in transfers]
        return [word for word, (_, written) in zip(words, transfers, strict=True) if written is None]

    def read(self, address: int) -> int:
        return self.batch([(address, None)])[0]

    def write(self, address: int, word: int) -> None:
        self.batch([(address, word)])

    def queue(self, *frames: bytes, error: bool = False) -> None:
        self._frames.extend((frame, error) for frame in frames)

    @property
    def waiting(self) -> int:
        return len(self._frames)

    def send(self, *frames: bytes, error: bool = False) -> None:
        self.queue(*frames, error=error)
        while self._frames:
            self._simulator.advance()

    def client(self) -> ControlClient:
        return ControlClient(self.batch)


def frame(verdict: int, size: int, stalls: bool = False) -> bytes:
    return bytes([verdict, stalls]) + bytes(size - 2)


@pytest.fixture(scope="module")
def device() -> Device:
    return Device([ARRAY, HASH])


def test_a_device_tells_what_it_is(device):
    client = device.client()
    assert client.program == "verdicts"
    assert client.digest == DIGEST
    assert [(m.name, m.key_size, m.value_size) for m in client.maps.values()] == [("counts", 4, 12), ("flows", 6, 8)]
    assert device.read(client.address("width")) == WIDTH
    assert device.read(client.address("max_frame")) == 100
    assert list(client.stalls()) == ["nobody", "frames"]


def test_a_client_works_with_single_transfers_too(device):
    assert ControlClient(one_by_one(device.read, device.write)).maps["counts"].lookup(bytes(4)) == bytes(range(12))


def test_counters_count_every_frame_once(device):
    client = device.client()
    client.clear()
    device.send(frame(1, 14), frame(2, 60), frame(3, 100), frame(4, 33, stalls=True), frame(0, 20), frame(7, 20))
    device.send(frame(2, 13), frame(2, 101), frame(2, 300))
    device.send(frame(2, 50), error=True)
    got = client.counters()
    assert got.pop("cycles") > 0
    assert got == {
        "frames_received": 6,
        "bytes_received": 14 + 60 + 100 + 33 + 20 + 20,
        "dropped_error": 1,
        "dropped_oversize": 2,
        "dropped_runt": 1,
        "verdict_aborted": 2,
        "verdict_drop": 1,
        "verdict_pass": 1,
        "verdict_tx": 1,
        "verdict_redirect": 1,
        "bytes_sent": 60 + 100 + 33,
    }
    assert client.stalls()["nobody"] == 0
    assert client.stalls()["frames"] >= 1


def test_histograms_hold_every_frame_in_its_bin(device):
    client = device.client()
    client.clear()
    device.send(frame(1, 32), frame(1, 32), frame(1, 32), frame(1, 96), frame(2, 96))
    first, last = client.latency("first"), client.latency("last")
    # one beat: the registers of window, stage and egress; two more beats in; two more beats out
    assert {i: n for i, n in enumerate(first.bins) if n} == {3: 3, 5: 2}
    assert {i: n for i, n in enumerate(last.bins) if n} == {3: 3, 5: 1, 7: 1}
    assert (first.low, first.high, first.total, first.count) == (3, 5, 19, 5)
    assert (last.low, last.high, last.total, last.count) == (3, 7, 21, 5)


def test_bins_of_narrow_beats_are_read_while_the_shortest_frames_come():
    device = Device([], width=8)
    client = device.client()
    frames = [frame(verdict, 14) for verdict in (1, 2, 1, 1, 3)] * 120
    device.queue(*frames)
    seen = [client.latency("first") for _ in range(3)]
    assert device.waiting, "frames came during all of these"
    device.send()
    got = client.latency("first")
    assert got.count == sum(got.bins) == len(frames)
    sums = [sum(figures.bins) for figures in (*seen, got)]
    assert sums == sorted(sums) and sums[0] > 0


def test_the_last_bin_takes_all_that_are_slower():
    device = Device([], bins=5)
    device.send(frame(1, 96), frame(1, 32), frame(2, 96))
    assert device.client().latency("last").bins == (0, 0, 0, 1, 2)


def test_clearing_starts_over(device):
    client = device.client()
    device.send(frame(2, 60))
    client.clear()
    figures = client.latency("last")
    assert (figures.low, figures.high, figures.total, figures.count, sum(figures.bins)) == (None, None, 0, 0, 0)
    assert client.counters()["frames_received"] == 0


def test_an_array_over_the_bus():
    array = Device([ARRAY, HASH]).client().maps["counts"]
    key = (3).to_bytes(4, "little")
    assert array.lookup(key) == bytes(range(36, 48))
    assert array.update(key, b"abcdefghijkl") == 0
    assert array.lookup(key) == b"abcdefghijkl"
    assert array.lookup((5).to_bytes(4, "little")) is None
    assert array.delete(key) == -22
    assert dict(array.items()) == {
        i.to_bytes(4, "little"): b"abcdefghijkl" if i == 3 else bytes(range(12 * i, 12 * i + 12)) for i in range(5)
    }


def test_a_hash_over_the_bus():
    device = Device([ARRAY, HASH])
    flows = device.client().maps["flows"]
    entries = {bytes([i] * 6): bytes([i + 1] * 8) for i in range(16)}
    assert dict(flows.items()) == {}
    assert flows.update_many(entries.items()) == [0] * 16
    assert flows.update(bytes([99] * 6), bytes(8)) == -7
    assert flows.update(bytes([3] * 6), bytes(8), flags=1) == -17
    assert flows.delete(bytes([4] * 6)) == 0
    assert flows.delete(bytes([4] * 6)) == -2
    del entries[bytes([4] * 6)]
    assert flows.update(bytes([3] * 6), b"ABCDEFGH", flags=2) == 0
    entries[bytes([3] * 6)] = b"ABCDEFGH"
    assert flows.lookup(bytes([4] * 6)) is None
    assert dict(flows.items()) == entries


def test_wrong_sizes_are_told_before_anything_is_sent(device):
    array = device.client().maps["counts"]
    before = device.transfers
    with pytest.raises(InputError, match="keys of 4 bytes, not 3"):
        array.lookup(bytes(3))
    with pytest.raises(InputError, match="values of 12 bytes, not 4"):
        array.update(bytes(4), bytes(4))
    assert device.transfers == before


def test_a_bus_without_a_device_is_told():
    with pytest.raises(InputError, match="no hardpath device"):
        ControlClient(one_by_one(lambda _: 0xFFFFFFFF, lambda *_: None))


def test_a_command_for_a_map_that_is_not_there_says_so(device):
    client = device.client()
    device.write(client.address("map_select"), 2)
    device.write(client.address("map_command"), 0)
    assert device.read(client.address("map_status")) == 0x100000000 - 22
    assert device.read(client.address("map_busy")) == 0


def test_unknown_addresses_read_zero(device):
    assert [device.read(address) for address in (0x000F, 0x00FF, 0x07FF, 0x3FFF, 0xFFFF)] == [0] * 5


def test_devices_that_the_register_map_cannot_hold_are_refused():
    identity = Identity("p", 64, 64, 0, 2048)
    with pytest.raises(Refused, match="control bus can reach"):
        replace(identity, maps=[replace(ARRAY, value_size=70000)])
    with pytest.raises(Refused, match="use fewer maps"):
        replace(identity, stalls=[str(i) for i in range(257)])
    with pytest.raises(InputError, match="latency bins"):
        replace(identity, bins=5000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"width": 48}, "stream width of 48 bytes: choose one of 8, 16"),
        ({"max_frame": 13}, "longest frame of 13 bytes: choose 14 to 16384"),
        ({"max_frame": 20000}, "longest frame of 20000 bytes"),
        ({"window": 96}, "window of 96 bytes: choose a multiple of the stream width, 64"),
        ({"window": 0}, "window of 0 bytes"),
    ],
)
def test_parameters_that_make_no_device_are_told(changes, message):
    with pytest.raises(InputError, match=message):
        replace(Identity("p", 64, 64, 0, 2048), **changes)


def test_register_blocks_do_not_overlap():
    table = sorted(registers.REGISTERS, key=lambda r: r.address)
    for register, behind in pairwise(table):
        assert register.end <= behind.address, (register.name, behind.name)
    assert table[-1].end <= 1 << 16
    assert len({register.name for register in table}) == len(table)


def test_the_documentation_is_made_from_the_table():
    text = (Path(__file__).parents[2] / "docs" / "register-map.md").read_text()
    assert text == registers.markdown(), "run: python -m hardpath.hdl.registers > docs/register-map.md"
    assert set(re.findall(r"`(\w+)` \|", text)) == {register.name for register in registers.REGISTERS}
