"""Inside the simulator: a program in a shell, between AXI models written by others (cocotbext-axi)."""

from __future__ import annotations

import json
import os
import random
from collections import deque
from pathlib import Path

import cocotb
from cocotb.clock import Clock
from cocotb.task import bridge, resume
from cocotb.triggers import ClockCycles, RisingEdge, Timer
from cocotbext.axi import (
    AxiLiteBus,
    AxiLiteMaster,
    AxiResp,
    AxiStreamBus,
    AxiStreamFrame,
    AxiStreamSink,
    AxiStreamSource,
)
from hardpath.hdl.shell.axis import ELSEWHERE, HOST
from hardpath.sim.control_client import ControlClient, one_by_one

SETTINGS = json.loads(Path(os.environ["SHELL_BENCH"]).read_text()) if "SHELL_BENCH" in os.environ else {}
SHELL = SETTINGS.get("shell")
PORTS = range(SETTINGS.get("ports", 1))
RESETS_HIGH = SHELL == "corundum"
CLOCK_PS = 4000
AXIL_PS = 7300  # no multiple of the other, so that the crossing meets all phases
SIDE = ("tuser_size", "tuser_src", "tuser_dst")
random_ = random.Random(SETTINGS.get("seed", 1))


def pauses(probability):
    """Random back-pressure."""
    own = random.Random(random_.random())
    while True:
        yield own.random() < probability


class Rig:
    """Sources and sinks by stream and port, the host's library on AXI4-Lite."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.two_clocks = SHELL == "opennic"
        self.clock = dut.clk
        options = {"reset": self.reset_of(dut), "reset_active_level": RESETS_HIGH}
        has_host = SHELL != "axis"
        self.sources = {
            (name, i): AxiStreamSource(AxiStreamBus.from_prefix(dut, f"{name}_{i}"), dut.clk, **options)
            for name in ("from_net", *(["from_host"] if has_host else []))
            for i in PORTS
        }
        self.sinks = {
            (name, i): AxiStreamSink(AxiStreamBus.from_prefix(dut, f"{name}_{i}"), dut.clk, **options)
            for name in ("to_host", *(["to_net"] if has_host else []))
            for i in PORTS
        }
        self.axil = AxiLiteMaster(
            AxiLiteBus.from_prefix(dut, "axil"), dut.axil_clk if self.two_clocks else dut.clk, **options
        )

    @staticmethod
    def reset_of(dut):
        return dut.rst if RESETS_HIGH else dut.rst_n

    @classmethod
    async def ready(cls, dut) -> Rig:
        """A rig after reset; nobody looks at pins before that, as they are undefined."""
        reset = cls.reset_of(dut)
        reset.value = RESETS_HIGH
        await Timer(1000, unit="ps")  # before there is any clock: what has no reset would be undefined for ever
        Clock(dut.clk, CLOCK_PS, unit="ps", impl="gpi").start()
        if SHELL == "opennic":
            for i in PORTS:
                for name in ("from_net", "from_host"):
                    for side in SIDE:
                        getattr(dut, f"{name}_{i}_{side}").value = 0
            Clock(dut.axil_clk, AXIL_PS, unit="ps", impl="gpi").start()
        await Timer(20 * AXIL_PS + 1000, unit="ps")  # at no edge
        rig = cls(dut)
        await Timer(4 * AXIL_PS, unit="ps")
        await RisingEdge(dut.clk)
        reset.value = not RESETS_HIGH
        await ClockCycles(dut.clk, 10)
        if SHELL == "opennic":
            assert dut.mod_rst_done.value == 1
        for name, i in rig.sinks:
            cocotb.start_soon(rig.holds(f"{name}_{i}"))
        return rig

    def press(self, probability: float) -> None:
        """Random pauses everywhere; fewest where frames come in, so that they pile up behind the others."""
        write, read = self.axil.write_if, self.axil.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel, read.ar_channel, read.r_channel)
        for channel in (*self.sinks.values(), *channels):
            channel.set_pause_generator(pauses(probability))
        for source in self.sources.values():
            source.set_pause_generator(pauses(probability / 6))

    async def holds(self, prefix: str) -> None:
        """What is valid stays as it is until it is taken."""
        fields = ("valid", "data", "keep", "last", "user", "dest", *(side[1:] for side in SIDE))
        pins = [pin for name in fields if (pin := getattr(self.dut, f"{prefix}_t{name}", None)) is not None]
        taker = getattr(self.dut, f"{prefix}_tready")
        before = None
        while True:
            await RisingEdge(self.dut.clk)
            await Timer(CLOCK_PS * 3 // 4, unit="ps")  # what the next edge will see
            now = [str(pin.value) for pin in pins]
            assert before is None or now == before, f"{prefix} changed while it was not taken"
            before = now if pins[0].value == 1 and taker.value == 0 else None

    async def host(self, work):
        """Call ``work(client)``, ordinary code, with the host's library on the bus."""

        @resume
        async def read(address):
            return await self.axil.read_dword(4 * address)

        @resume
        async def write(address, word):
            await self.axil.write_dword(4 * address, word)

        return await bridge(lambda: work(ControlClient(one_by_one(read, write))))()

    async def quiet(self) -> None:
        """Until all frames are through."""
        for source in self.sources.values():
            await source.wait()
        still = 0
        while still < 400:
            await ClockCycles(self.clock, 20)
            moving = any(getattr(self.dut, f"{name}_{i}_tvalid").value == 1 for name, i in self.sinks)
            still = 0 if moving else still + 20

    def received(self, name: str, i: int) -> list[AxiStreamFrame]:
        """The frames that a sink has."""
        sink = self.sinks[name, i]
        frames = []
        while not sink.empty():
            frames.append(sink.recv_nowait(compact=False))
        return frames


def whole(frame) -> bytes:
    """The bytes that `tkeep` marks, which must be without gaps."""
    kept = [bool(bit) for bit in frame.tkeep]
    assert kept == sorted(kept, reverse=True), "keep has a gap"
    return bytes(byte for byte, keep in zip(frame.tdata, kept, strict=True) if keep)


def constant(values) -> int:
    """A field that is the same with all beats of a frame."""
    assert len(set(values)) == 1
    return values[0]


def user_in(data: bytes, bad: bool, mark: int):
    """``tuser`` of a frame from the network, for each byte: a mark where the shell has room for one, and the error with
    the last beat."""
    width = SETTINGS["width"]
    last = (len(data) - 1) // width * width
    base = mark << 1 if SHELL == "corundum" else 0
    return [base | int(bad and i >= last) for i in range(len(data))]


def fill(client: ControlClient) -> None:
    for name, entries in SETTINGS["maps"].items():
        pairs = [(bytes.fromhex(key), bytes.fromhex(value)) for key, value in entries]
        assert not any(client.maps[name].update_many(pairs))


def expected_by_sink():
    """What each sink gets of the program, by the port that it came from: (bytes, mark)."""
    wanted = {}
    for mark, frame in enumerate(SETTINGS["frames"]):
        for name, i in frame["to"]:
            wanted.setdefault((name, i), {}).setdefault(frame["port"], deque()).append((frame["out"], mark))
    return wanted


def take(queues, key, where):
    """The frame is the next of one of the queues."""
    for queue in queues:
        if queue and queue[0][0] == key:
            return queue.popleft()
    raise AssertionError(f"{where}: not what comes next of anyone: {key[:80]}")


@cocotb.test(timeout_time=150, timeout_unit="us")
async def frames_go_where_the_program_says(dut):
    rig = await Rig.ready(dut)
    await rig.host(fill)
    rig.press(SETTINGS["pause"])
    from_host = {i: deque() for i in PORTS}
    for mark, frame in enumerate(SETTINGS["frames"]):
        data = bytes.fromhex(frame["data"])
        side = {"tuser": user_in(data, frame["bad"], mark)} if SHELL != "opennic" else {}
        if SHELL == "axis":
            side["tid"] = frame["port"]
        source = rig.sources["from_net", 0 if SHELL == "axis" else frame["port"]]
        source.send_nowait(AxiStreamFrame(data, **side))
    if SHELL != "axis":
        for number in range(SETTINGS["from_host"]):
            i, data = random_.choice(PORTS), random_.randbytes(random_.randint(60, 200))
            user = 2 * (number % 5000) if SHELL == "corundum" else None
            from_host[i].append((data.hex(), user))
            rig.sources["from_host", i].send_nowait(AxiStreamFrame(data, tuser=user))
    # The host reads and writes all the while.
    await rig.host(lambda client: dict(client.maps["seen"].items()))
    await rig.host(fill)
    await rig.quiet()
    rig.press(0)
    wanted = expected_by_sink()
    for name, i in rig.sinks:
        queues = wanted.pop((name, i), {})
        for frame in rig.received(name, i):
            data = whole(frame).hex()
            if name == "to_net" and from_host[i] and from_host[i][0][0] == data:
                _, user = from_host[i].popleft()
                if SHELL == "corundum":
                    assert constant(frame.tuser) == user
                continue
            _, mark = take(queues.values(), data, (name, i))
            check_side(name, frame, mark)
        assert not any(queues.values()), f"{name} {i} lacks frames"
        assert name != "to_net" or not from_host[i]
    assert not wanted

    def after(client):
        assert client.digest.hex() == SETTINGS["digest"]
        counters = client.counters()
        assert {name: counters[name] for name in SETTINGS["counters"]} == SETTINGS["counters"]
        assert {key.hex(): value.hex() for key, value in client.maps["seen"].items()} == SETTINGS["seen"]

    await rig.host(after)
    if SHELL != "axis":
        assert int(dut.unreachable.value) == SETTINGS["unreachable"]


def check_side(name: str, frame, mark: int) -> None:
    sent = SETTINGS["frames"][mark]
    if SHELL == "corundum":
        assert constant(frame.tuser) == (mark << 1 if name == "to_host" else 0)
    if SHELL == "axis":
        assert constant(frame.tid) == sent["port"]
        assert constant(frame.tdest) == {"host": HOST, "elsewhere": ELSEWHERE}.get(sent["dest"], sent["dest"])
        assert constant(frame.tuser) == sent["verdict"] | sent["redirect"] << 3


@cocotb.test(timeout_time=150, timeout_unit="us")
async def sizes_and_ports_come_with_every_beat(dut):
    """OpenNIC's side bands, which no model knows."""
    rig = await Rig.ready(dut)
    await rig.host(fill)
    rig.press(SETTINGS["pause"])
    told = {}

    async def watch(name, i):
        size, told[name, i] = 0, []
        pins = {field: getattr(dut, f"{name}_{i}_{field}") for field in ("tvalid", "tready", "tkeep", "tlast", *SIDE)}
        sizes = set()
        while True:
            await RisingEdge(dut.clk)
            if pins["tvalid"].value == 1 and pins["tready"].value == 1:
                values = {field: int(pin.value) for field, pin in pins.items()}
                size += values["tkeep"].bit_count()
                sizes.add(tuple(values[field] for field in SIDE))
                if values["tlast"]:
                    port = 1 << 6 + i
                    assert sizes == {(size, port, 1 << i) if name == "to_host" else (size, 1 << i, port)}
                    told[name, i].append(size)
                    size, sizes = 0, set()

    for name, i in rig.sinks:
        cocotb.start_soon(watch(name, i))
    for frame in SETTINGS["frames"]:
        rig.sources["from_net", frame["port"]].send_nowait(AxiStreamFrame(bytes.fromhex(frame["data"])))
    await rig.quiet()
    for (name, i), queues in expected_by_sink().items():
        assert sorted(told[name, i]) == sorted(len(out) // 2 for queue in queues.values() for out, _ in queue)
    assert min(told["to_net", 0]) == 60


@cocotb.test(timeout_time=150, timeout_unit="us")
async def axi_lite_is_exact(dut):
    rig = await Rig.ready(dut)
    rig.press(SETTINGS["pause"])
    axil = rig.axil
    index, flags = (4 * SETTINGS["registers"][name] for name in ("map_index", "map_flags"))
    magic = 4 * SETTINGS["registers"]["magic"]
    for _ in range(40):
        one, other = random_.getrandbits(32), random_.getrandbits(32)
        writes = [cocotb.start_soon(axil.write_dword(index, one)), cocotb.start_soon(axil.write_dword(flags, other))]
        reads = [cocotb.start_soon(axil.read_dword(magic)) for _ in range(random_.randint(0, 3))]
        for task in writes:
            await task
        assert [await task for task in reads] == [0x48505448] * len(reads)
        assert (await axil.read_dword(index), await axil.read_dword(flags)) == (one, other)
    if SHELL == "opennic":
        return
    for offset, length in ((0, 1), (1, 2), (2, 2)):
        answer = await axil.write(index + offset, bytes(length))
        assert answer.resp == AxiResp.SLVERR
    assert await axil.read_dword(index) == one
