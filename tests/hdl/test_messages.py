"""The control bus behind messages, on a serial line and in Ethernet frames, spoken to by the host's own software."""

from __future__ import annotations

import random
import zlib
from collections import deque
from functools import partial
from pathlib import Path

import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out
from amaranth.sim import Simulator
from hardpath.hdl import device_control
from hardpath.hdl.bus_share import BusShare
from hardpath.hdl.control import Identity
from hardpath.hdl.datapath import Datapath
from hardpath.hdl.device_control import MAGIC, UNIT, DeviceControl
from hardpath.hdl.errors import InputError
from hardpath.hdl.management import ManagementPort
from hardpath.hdl.maps.linux import BPF_NOEXIST, EEXIST
from hardpath.hdl.messages import ETHERTYPE, MORE, REQUEST, kind_word, run_word
from hardpath.hdl.serial_port import SerialPort
from hardpath.hdl.uart import UartReceiver, UartTransmitter, cycles_a_bit
from hardpath.nic_model.links import _escaped, _unescaped
from hardpath.nic_model.messages import Messages
from hardpath.sim.control_client import ControlClient, Map
from test_control import ARRAY, DIGEST, HASH, WIDTH, WINDOW, Device, Verdicts

CLOCK, BAUD = 1e6, 125_000
CYCLES_A_BIT = 8
ADDRESS, HOST = bytes.fromhex("024850544801"), bytes.fromhex("0200000000aa")
BEAT = 8
END = bytes([0xC0])


class Board(wiring.Component):
    """A datapath's control bus (unit 0) and that of ports (unit 2) behind a serial line and a port."""

    def __init__(self):
        identity = Identity("verdicts", WIDTH, WINDOW, 0, 100, [ARRAY, HASH], ["nobody", "frames"], DIGEST, 32)
        self._datapath = Datapath(
            Verdicts([ARRAY, HASH]), identity=identity, in_flight=4, residence=4, start=0, tail_fixed=True
        )
        self.managed = ManagementPort(BEAT, CLOCK, ADDRESS)
        super().__init__({"rx": In(1, init=1), "tx": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.datapath = d = self._datapath
        m.submodules.serial = serial = SerialPort(CLOCK, BAUD)
        m.submodules.managed = managed = self.managed
        m.submodules.control = control = DeviceControl(1, 2, 2, CLOCK, 0)
        m.submodules.share = share = BusShare(2, UNIT + 1)
        wiring.connect(m, serial.bus, share.masters[0])
        wiring.connect(m, managed.bus, share.masters[1])
        wiring.connect(m, share.buses[UNIT], control.bus)
        bus = share.buses[0]
        for name in ("address", "write", "wdata", "valid"):
            m.d.comb += getattr(d, f"bus_{name}").eq(getattr(bus, name))
        m.d.comb += [bus.rdata.eq(d.bus_rdata), bus.ready.eq(d.bus_ready), serial.rx.eq(self.rx), self.tx.eq(serial.tx)]
        m.d.comb += share.buses[1].ready.eq(1)
        return m


class Running:
    """A `Board` in the simulator: ``bits`` of the serial line go in and make ``line``, ``beats`` of frames go in and
    make ``replies`` and, those for the program, ``passed``."""

    def __init__(self) -> None:
        self.board = board = Board()
        self.bits: deque = deque()
        self.line: list[int] = []
        self.beats: deque = deque()
        self.replies: list[bytes] = []
        self.passed: list[bytes] = []
        self.cycle = 0

        async def serial(ctx):
            while True:
                ctx.set(board.rx, self.bits.popleft() if self.bits else 1)
                *_, line = await ctx.tick().sample(board.tx)
                self.line.append(line)
                self.cycle += 1

        async def send(ctx):
            given = board.managed.input
            while True:
                if not self.beats:
                    await ctx.tick()
                    continue
                data, keep, last, error = self.beats.popleft()
                ctx.set(given.payload, {"data": data, "keep": keep, "last": last, "error": error})
                ctx.set(given.valid, 1)
                await ctx.tick().until(given.ready)
                ctx.set(given.valid, 0)

        async def take(ctx, port, frames):
            ctx.set(port.ready, 1)
            frame = b""
            while True:
                *_, valid, data, keep, last = await ctx.tick().sample(
                    port.valid, port.payload.data, port.payload.keep, port.payload.last
                )
                if valid:
                    frame += data.to_bytes(BEAT, "little")[: keep.bit_count()]
                    if last:
                        frames.append(frame)
                        frame = b""

        self.simulator = Simulator(board)
        self.simulator.add_clock(1 / CLOCK)
        for bench in (
            serial, send, partial(take, port=board.managed.reply, frames=self.replies),
            partial(take, port=board.managed.output, frames=self.passed),
        ):
            self.simulator.add_testbench(bench, background=True)

    def run(self, cycles: int) -> None:
        end = self.cycle + cycles
        while self.cycle < end:
            self.simulator.advance()

    def frame(self, frame: bytes, error: bool = False) -> None:
        for at in range(0, len(frame), BEAT):
            part, last = frame[at : at + BEAT], at + BEAT >= len(frame)
            self.beats.append((int.from_bytes(part, "little"), (1 << len(part)) - 1, last, last and error))


class Serial:
    def __init__(self, running: Running) -> None:
        self.running = running
        self.faults: deque = deque()  # for each message sent: None, "lost", "broken"; then for each received

    def send(self, message: bytes) -> None:
        raw = END + _escaped(message + zlib.crc32(message).to_bytes(4, "little")) + END
        fault = self.faults.popleft() if self.faults else None
        if fault == "broken":
            raw = raw[:5] + bytes([raw[5] ^ 4]) + raw[6:]
        if fault != "lost":
            self.raw(raw)

    def raw(self, data: bytes) -> None:
        for byte in data:
            for bit in (0, *(byte >> i & 1 for i in range(8)), 1):
                self.running.bits.extend([bit] * CYCLES_A_BIT)

    def receive(self) -> bytes | None:
        running, found, quiet = self.running, bytearray(), 0
        while quiet < 400 or running.bits:
            if 0 not in running.line[: -10 * CYCLES_A_BIT]:
                quiet = 0 if 0 in running.line else quiet + 200
                running.run(200)
                continue
            del running.line[: running.line.index(0)]
            bits = running.line[CYCLES_A_BIT // 2 : 10 * CYCLES_A_BIT : CYCLES_A_BIT]
            del running.line[: 10 * CYCLES_A_BIT - 2]
            assert bits[9] == 1
            found.append(sum(bit << i for i, bit in enumerate(bits[1:9])))
            if found.endswith(END) and len(found) > 1:
                message = _unescaped(bytes(found.strip(END)))
                assert zlib.crc32(message[:-4]).to_bytes(4, "little") == message[-4:]
                return None if self.faults and self.faults.popleft() == "lost" else message[:-4]
        return None

    def close(self) -> None:
        pass


class Ethernet:
    def __init__(self, running: Running) -> None:
        self.running = running

    def send(self, message: bytes) -> None:
        self.running.frame((ADDRESS + HOST + message).ljust(60, b"\0"))

    def receive(self) -> bytes | None:
        for _ in range(20):
            self.running.run(200)
            if self.running.replies:
                frame = self.running.replies.pop(0)
                assert frame[:12] == HOST + ADDRESS
                return frame[12:]
        return None

    def close(self) -> None:
        pass


def exercise(client: ControlClient) -> list:
    """What a host does, and sees."""
    flows, counts = client.maps["flows"], client.maps["counts"]
    keys = [bytes([i]) * 6 for i in range(1, 6)]
    return [
        client.description,
        client.digest,
        flows.update_many([(key, key + b"\xc0\xdb") for key in keys]),
        flows.update(keys[0], bytes(8), 1),
        flows.lookup_many([*keys, bytes(6)]),
        flows.delete(keys[1]),
        flows.delete(keys[1]),
        sorted(flows.items()),
        counts.update(bytes(4), b"\xdb\xdc\xdd\xc0" * 3),
        sorted(counts.items()),
        client.latency("first"),
        client.counters()["frames_received"],
    ]


@pytest.fixture(scope="module")
def directly():
    device = Device([ARRAY, HASH])
    return exercise(ControlClient(device.batch))


@pytest.mark.parametrize("link", [Ethernet, pytest.param(Serial, marks=pytest.mark.slow)])
def test_the_host_sees_the_same_as_on_the_bus_itself(link, directly):
    messages = Messages(link(Running()), "line")
    if link is Serial:  # slow in the simulator: as much as shows every kind of transfer
        client = ControlClient(partial(messages.transfer, 0))
        client.__dict__["description"] = directly[0]
        flows = client.maps["flows"]
        assert client.digest == directly[1]
        assert flows.update(b"\xc0\xdb\xdc\xdd\0\1", bytes(range(8))) == 0
        assert flows.lookup(b"\xc0\xdb\xdc\xdd\0\1") == bytes(range(8))
    else:
        assert exercise(ControlClient(partial(messages.transfer, 0))) == directly
    assert messages.transfer(UNIT, [(0, None), (3, None)]) == [MAGIC, 2]
    assert messages.transfer(99, [(0, None)]) == [0]


def test_what_is_lost_or_broken_is_asked_again():
    running = Running()
    link = Serial(running)
    messages = Messages(link, "line")
    counts = [(0x0801, 7), (0x0801, None)]
    link.faults.extend(["lost", "broken", None, "lost", None, None])
    assert messages.transfer(0, counts) == [7]
    # A reply that is lost: the request comes twice.
    link.faults.extend([None, "lost", None, None])
    assert messages.transfer(0, [(0x000A, 1), (0x0100, None), (0x0100, None)])[0] < 64


class ForgetfulEthernet(Ethernet):
    """Loses the next ``forgets`` replies."""

    forgets = 0

    def receive(self) -> bytes | None:
        message = super().receive()
        if message is None or not self.forgets:
            return message
        self.forgets -= 1
        return None


def test_a_request_whose_reply_is_lost_is_carried_out_once():
    link = ForgetfulEthernet(Running())
    client = ControlClient(partial(Messages(link, "line").transfer, 0))
    flows = Map(client, 1, "flows", HASH.key_size, HASH.value_size, {})
    link.forgets = 2
    assert flows.update(bytes(6), bytes(8), BPF_NOEXIST) == 0  # and no error of an insert that finds its key there
    assert not link.forgets
    assert flows.update(bytes(6), bytes(8), BPF_NOEXIST) == -EEXIST


def test_nobody_answers():
    class Silence:
        def send(self, message): ...
        def receive(self): ...
        def close(self): ...

    with pytest.raises(InputError, match="line: no device answers"):
        Messages(Silence(), "line").transfer(0, [(0, None)])


def request(number, *words, flags=0, runs=1):
    return b"".join(word.to_bytes(4, "little") for word in (kind_word(REQUEST, flags), number, runs, *words))


def test_frames_for_others_go_on_whole_and_in_order_whatever_comes_between():
    running, random_ = Running(), random.Random(3)
    type_ = ETHERTYPE.to_bytes(2, "big")
    others, asked = [], 0
    for i in range(40):
        size = random_.choice((1, 8, 9, 13, 14, 15, 16, 60, 64, 65, 200))
        for_device = (ADDRESS + HOST + request(i, run_word(UNIT, 0, 1, False))).ljust(60, b"\0")
        match random_.randrange(5):
            case 0:
                running.frame(for_device)
                asked += 1
                continue
            case 1:
                running.frame(for_device, error=True)  # nobody answers, and the program does not see it
                continue
            case 2:
                frame = (ADDRESS + HOST + b"\x08\x00").ljust(size, b"\1")
            case 3:
                frame = (HOST + ADDRESS + type_).ljust(size, b"\2")
            case _:
                frame = random_.randbytes(size)
        others.append(frame)
        running.frame(frame)
    running.run(1500)
    assert running.passed == others
    assert len(running.replies) == asked


def test_requests_that_make_no_sense_are_refused_or_ignored():
    running = Running()
    head = ADDRESS + HOST
    for message in (
        b"\x88\xb5\x01\0",  # too short
        b"\x88\xb5\x02\0" + request(1, run_word(UNIT, 0, 1, False))[4:],  # a reply
        request(2, run_word(UNIT, 0, 1, False)),
        request(3, run_word(UNIT, 0, 4, True), 1),  # ends before its words
        request(4, *[run_word(UNIT, 0, 256, False)] * 2, runs=2),  # more than a reply holds
        request(5, run_word(UNIT, 0, 2, False)),
    ):
        running.frame(head + message)
        running.run(1500)
    kinds = [int.from_bytes(reply[14:15], "little") for reply in running.replies]
    numbers = [int.from_bytes(reply[16:20], "little") for reply in running.replies]
    assert list(zip(numbers, kinds, strict=True)) == [(2, 2), (3, 3), (4, 3), (5, 2)]


def test_who_says_more_keeps_others_out():
    running = Running()
    serial, ethernet = Serial(running), Ethernet(running)
    ethernet.send(request(1, run_word(0, 0x0801, 1, True), 5, flags=MORE))
    assert ethernet.receive() is not None
    serial.send(request(2, run_word(0, 0x0801, 1, True), 6))
    running.run(80 * CYCLES_A_BIT * 10)
    ethernet.send(request(2, run_word(0, 0x0801, 1, False)))
    reply = ethernet.receive()
    assert reply is not None and reply[12:16] == bytes([5, 0, 0, 0])
    assert serial.receive() is not None
    ethernet.send(request(3, run_word(0, 0x0801, 1, False)))
    reply = ethernet.receive()
    assert reply is not None and reply[12:16] == bytes([6, 0, 0, 0])


@pytest.mark.parametrize("skew", [0.965, 1, 1.035])
def test_a_serial_line_whose_clock_is_off(skew):
    sender, receiver = UartTransmitter(100), UartReceiver(round(100 * skew))
    m = Module()
    m.submodules += [sender, receiver]
    m.d.comb += receiver.line.eq(sender.line)
    data, got = bytes([0, 255, 0x55, 0xC0, 1, 128]), []

    async def send(ctx):
        for byte in data:
            ctx.set(sender.input.payload, byte)
            ctx.set(sender.input.valid, 1)
            await ctx.tick().until(sender.input.ready)
        ctx.set(sender.input.valid, 0)

    async def receive(ctx):
        while len(got) < len(data):
            *_, byte = await ctx.tick().sample(receiver.data).until(receiver.valid)
            got.append(byte)

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(send)
    simulator.add_testbench(receive)
    simulator.run_until(8e-3)
    assert bytes(got) == data


def test_too_fast_a_line_is_refused():
    with pytest.raises(InputError, match="choose at most 125000"):
        cycles_a_bit(1e6, 200_000)


def test_the_page_of_the_ports_registers_is_the_table():
    text = (Path(__file__).parents[2] / "docs" / "port-registers.md").read_text()
    assert text == device_control.markdown(), "run: python -m hardpath.hdl.device_control > docs/port-registers.md"
