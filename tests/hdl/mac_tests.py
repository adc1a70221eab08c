"""Inside the simulator: what the MAC does with good and bad frames, against models of the PHY written by others."""

from __future__ import annotations

import random
import zlib
from itertools import cycle

import cocotb
from cocotb.triggers import ClockCycles, Timer
from cocotbext.axi import AxiStreamFrame
from cocotbext.eth import GmiiFrame
from mac_rig import SETTINGS, SYNC_PS, Rig

FAST = SETTINGS.get("speed") == 1000
random_ = random.Random(5)


def sizes() -> list[int]:
    """Bytes without FCS; fewer where the line is slow."""
    max_frame = SETTINGS["max_frame"]
    some = [60, 60, 61, 63, 64, 65, 67, 127, 128, max_frame if FAST else 200, 60, 60]
    return some + [random_.randint(60, 300) for _ in range(20 if FAST else 2)]


def with_fcs(data: bytes) -> bytes:
    return data + zlib.crc32(data).to_bytes(4, "little")


def on_line(data: bytes, error_at: int | None = None) -> GmiiFrame:
    """A frame of these bytes, FCS among them."""
    frame = GmiiFrame.from_raw_payload(data)
    if error_at is not None:
        frame.error = [int(i == 8 + error_at) for i in range(len(frame.data))]
    return frame


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def receives_back_to_back(dut):
    rig = await Rig.ready(dut)
    frames = [random_.randbytes(size) for size in sizes()]
    for frame in frames:
        rig.phy_tx.send_nowait(GmiiFrame.from_payload(frame))
    assert await rig.received() == [(frame, False) for frame in frames]
    assert rig.counters() == {"rx_good": len(frames)}


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def receives_after_any_preamble_and_gap(dut):
    rig = await Rig.ready(dut)
    rig.phy_tx.ifg = 5
    frames = [random_.randbytes(64) for _ in range(4)]
    for frame, preamble in zip(frames, (b"", b"\x55", b"\x55" * 20, b"\x35\x55"), strict=True):
        rig.phy_tx.send_nowait(GmiiFrame(preamble + b"\xd5" + with_fcs(frame)))
    assert await rig.received() == [(frame, False) for frame in frames]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def marks_and_counts_broken_frames(dut):
    rig = await Rig.ready(dut)
    longest = rig.max_frame
    wanted: list[tuple[bytes, bool]] = []
    counted: dict[str, int] = {}

    def send(frame: GmiiFrame, out: bytes, counter: str) -> None:
        rig.phy_tx.send_nowait(frame)
        if out:
            wanted.append((out, counter != "rx_good"))
        counted[counter] = counted.get(counter, 0) + 1

    def good() -> None:
        data = random_.randbytes(random_.randint(60, 90))
        send(on_line(with_fcs(data)), data, "rx_good")

    good()
    for size in (60, 64, 71, 100):
        data = random_.randbytes(size)
        whole = bytearray(with_fcs(data))
        whole[random_.randrange(len(whole))] ^= 1 << random_.randrange(8)
        send(on_line(bytes(whole)), bytes(whole[:-4]), "rx_fcs")
        good()
    for place in (0, 20, 103):  # first byte, in the middle, last byte of the FCS
        data = random_.randbytes(100)
        send(on_line(with_fcs(data), place), data, "rx_code")
        good()
    for size in (1, 3, 4, 5, 8, 20, 63):  # FCS included, and right
        data = random_.randbytes(max(0, size - 4))
        send(on_line(with_fcs(data)[:size]), data, "rx_runt")
        good()
    send(GmiiFrame(b"\x55" * 20), b"", "rx_false_carrier")
    good()
    if longest < 2000 and FAST:
        for size in (longest, longest + 1, longest + 2, 3 * longest):
            data = random_.randbytes(size)
            send(on_line(with_fcs(data)), data[:longest], "rx_good" if size == longest else "rx_oversize")
            good()
    assert await rig.received() == wanted
    assert rig.counters() == counted


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def loses_whole_frames_when_nobody_reads(dut):
    rig = await Rig.ready(dut)
    await _hold(rig, True)
    frames = [random_.randbytes(random_.randint(60, 400)) for _ in range(60)]
    for frame in frames:
        rig.phy_tx.send_nowait(GmiiFrame.from_payload(frame))
    while rig.phy_tx.count() > 15:
        await Timer(100 * rig.byte_ps, unit="ps")
    await _hold(rig, False)
    received = await rig.received()
    whole = [frame for frame, bad in received if not bad]
    counters = rig.counters()
    assert counters["rx_good"] == len(frames)
    assert counters["rx_lost"] == len(frames) - len(whole) > 5
    assert len(received) > len(whole), "a frame that was cut off has a bad end"
    places = [frames.index(frame) for frame in whole]
    assert places == sorted(set(places)), "each once, in order"
    assert whole[-10:] == frames[-10:], "nothing is lost once there is room again"


async def _hold(rig: Rig, held: bool) -> None:
    rig.sink.pause = held
    await ClockCycles(rig.dut.clk, 2)


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def datapath_may_pause(dut):
    rig = await Rig.ready(dut)
    rig.sink.set_pause_generator(cycle([0, 0, 1, 1, 0, 1, 0, 1, 1]))
    frames = [random_.randbytes(size) for size in sizes()]
    for frame in frames:
        rig.phy_tx.send_nowait(GmiiFrame.from_payload(frame))
    assert await rig.received() == [(frame, False) for frame in frames]


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def sends_back_to_back(dut):
    rig = await Rig.ready(dut)
    frames = [random_.randbytes(size) for size in (*sizes(), 1, 14, 20, 59, 60)]
    for frame in frames:
        rig.source.send_nowait(AxiStreamFrame(frame))
    sent = await rig.sent(len(frames))
    assert [bytes(frame.get_payload()) for frame in sent] == [frame.ljust(60, b"\0") for frame in frames]
    assert set(rig.gaps(sent)) == {12}
    await Timer(20 * rig.byte_ps, unit="ps")
    assert rig.counters() == {"tx_good": len(frames)}


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def a_slow_writer_is_waited_for(dut):
    """A beat of eight bytes every sixteen byte times: half the line rate."""
    rig = await Rig.ready(dut)
    ratio = max(2, 16 * rig.byte_ps // SYNC_PS)
    rig.source.set_pause_generator(cycle([1] * (ratio - 1) + [0]))
    long = (SETTINGS["depth"] // 2, 700) if FAST else ()
    frames = [random_.randbytes(size) for size in (60, 64, 150, 100, 300, 60, 61, *long)]
    for frame in frames:
        rig.source.send_nowait(AxiStreamFrame(frame))
    sent = await rig.sent(len(frames))
    assert [bytes(frame.get_payload()) for frame in sent] == frames
    assert min(rig.gaps(sent)) >= 12
    assert "tx_underrun" not in rig.counters()


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def frames_longer_than_half_the_queue_begin_before_their_end(dut):
    rig = await Rig.ready(dut)
    size = SETTINGS["depth"] * 7 // 8
    frames = [random_.randbytes(size), random_.randbytes(60), random_.randbytes(size)]
    rig.source.send_nowait(AxiStreamFrame(frames[0]))
    await rig.sending()
    assert not rig.source.idle()
    for frame in frames[1:]:
        rig.source.send_nowait(AxiStreamFrame(frame))
    sent = await rig.sent(len(frames))
    assert [bytes(frame.get_payload()) for frame in sent] == frames


@cocotb.test(timeout_time=20, timeout_unit="ms")
async def what_ends_with_an_error_or_too_late_is_good_to_nobody(dut):
    rig = await Rig.ready(dut)
    size = SETTINGS["depth"]
    frames = [random_.randbytes(n) for n in (80, 100, size, 90)]
    rig.source.send_nowait(AxiStreamFrame(frames[0], tuser=1))
    rig.source.send_nowait(AxiStreamFrame(frames[1]))
    rig.source.send_nowait(AxiStreamFrame(frames[2]))
    rig.source.send_nowait(AxiStreamFrame(frames[3]))

    killed = await rig.phy_rx.recv()
    assert killed.error is not None and killed.error[-1] and bytes(killed.get_payload(False)[:-1]) == frames[0][:-1]
    assert bytes((await rig.sent(1))[0].get_payload()) == frames[1]
    await rig.sending()
    rig.source.pause = True  # the long frame has begun, and now nobody writes
    late = await rig.phy_rx.recv()
    assert late.error is not None and late.error[-1]
    rig.source.pause = False
    assert bytes((await rig.sent(1))[0].get_payload()) == frames[3]
    await Timer(20 * rig.byte_ps, unit="ps")
    assert rig.counters() == {"tx_good": 2, "tx_killed": 1, "tx_underrun": 1}
