"""Captures in and out: every byte order and clock, damage, and the two readers and writers against each other."""

from __future__ import annotations

import io
import os
import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from engines_here import skipped_without
from hardpath.hdl.errors import InputError
from hardpath.sim.captures import Frame, fitting, read_capture, read_stream, write_frames
from hardpath.sim.engine import Netlist, Options
from hardpath.sim.pcapng import PcapngWriter
from hardpath.sim.verilator_engine import VerilatorEngine
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from scapy.utils import PcapNgWriter, RawPcapNgReader, wrpcap

frames = st.lists(
    st.builds(
        Frame,
        data=st.binary(min_size=0, max_size=80),
        ifindex=st.integers(1, 3),
        rx_queue=st.integers(0, 2**32 - 1),
        time_ns=st.integers(0, 2**63),
    ),
    max_size=5,
)


def pcap(frames: list[Frame], order: str, unit_ns: int, link: int = 1) -> bytes:
    magic = 0xA1B2C3D4 if unit_ns == 1000 else 0xA1B23C4D
    data = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)
    for frame in frames:
        seconds, rest = divmod(frame.time_ns, 10**9)
        size = len(frame.data)
        data += struct.pack(order + "IIII", seconds & 0xFFFFFFFF, rest // unit_ns, size, size) + frame.data
    return data


def block(order: str, kind: int, body: bytes) -> bytes:
    length = len(body) + 12
    return struct.pack(order + "II", kind, length) + body + struct.pack(order + "I", length)


def pcapng(frames: list[Frame], order: str, resolution: int | None, offset: int = 0) -> bytes:
    """Enhanced packets on three interfaces with one clock; ``resolution`` as in if_tsresol."""
    options = b"" if resolution is None else struct.pack(order + "HHB3x", 9, 1, resolution)
    options += struct.pack(order + "HHq", 14, 8, offset) + struct.pack(order + "HH", 0, 0)
    data = block(order, 0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
    data += block(order, 1, struct.pack(order + "HHI", 1, 0, 0) + options) * 3
    ticks_per_second = 2 ** (resolution & 127) if resolution and resolution & 128 else 10 ** (resolution or 6)
    for frame in frames:
        ticks = frame.time_ns * ticks_per_second // 10**9
        size = len(frame.data)
        head = (frame.ifindex - 1, ticks >> 32 & 0xFFFFFFFF, ticks & 0xFFFFFFFF, size, size)
        queue = struct.pack(order + "HHIHH", 6, 4, frame.rx_queue, 0, 0)
        data += block(order, 6, struct.pack(order + "IIIII", *head) + frame.data + bytes(-size % 4) + queue)
    return data


def read(data: bytes) -> list[Frame]:
    return list(read_stream(io.BytesIO(data), "x.pcap"))


@given(frames, st.sampled_from("<>"), st.sampled_from([1000, 1]))
def test_pcap_is_read_in_both_byte_orders_and_clocks(frames: list[Frame], order: str, unit_ns: int) -> None:
    frames = [replace(f, time_ns=f.time_ns % 2**61 // unit_ns * unit_ns) for f in frames]
    expected = [Frame(f.data, 1, 0, f.time_ns) for f in frames]
    assert read(pcap(frames, order, unit_ns)) == expected


@given(frames, st.sampled_from("<>"), st.sampled_from([9, 6, None, 3, 0x80 | 30]), st.integers(-5, 5))
def test_pcapng_is_read_in_both_byte_orders_and_any_clock(
    frames: list[Frame], order: str, resolution: int | None, offset: int
) -> None:
    binary = resolution is not None and resolution & 128
    per_second = 2**30 if binary else 10 ** (6 if resolution is None else resolution)
    times = [f.time_ns * per_second // 10**9 * 10**9 // per_second for f in frames]
    expected = [replace(f, time_ns=(t + offset * 10**9) % 2**64) for f, t in zip(frames, times, strict=True)]
    assume(all(f.time_ns * per_second // 10**9 < 2**64 for f in frames))
    assert read(pcapng(frames, order, resolution, offset)) == expected


@given(frames)
def test_frames_written_are_read_back_unchanged(frames: list[Frame]) -> None:
    file = io.BytesIO()
    write_frames(file, frames)
    assert read(file.getvalue()) == frames


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match=r"pipe: a pipe, and a capture is read more than once: save it into a file"):
        next(read_capture(pipe))
    with pytest.raises(InputError, match="save it into a file"):
        VerilatorEngine().run(ECHO, pipe)


def test_sections_of_both_byte_orders_may_follow_each_other() -> None:
    first, second = [Frame(b"a" * 20, 2)], [Frame(b"b" * 21, 3)]
    assert read(pcapng(first, "<", 9) + pcapng(second, ">", 9)) == first + second


def test_simple_and_obsolete_packets_and_unknown_blocks_are_understood() -> None:
    body = b"x" * 16
    data = pcapng([], "<", 9)
    data += block("<", 3, struct.pack("<I", 16) + body)
    data += block("<", 0xBAD, b"anything")
    data += block("<", 2, struct.pack("<HHIIII", 1, 0, 0, 7, 16, 16) + body)
    assert read(data) == [Frame(body), Frame(body, ifindex=2, time_ns=7)]


def test_scapy_reads_what_is_written_and_is_read(tmp_path: Path) -> None:
    from scapy.layers.l2 import Ether

    data = [bytes(Ether() / bytes([i] * 50)) for i in range(5)]
    wrpcap(str(tmp_path / "a.pcap"), [Ether(d) for d in data])
    with PcapNgWriter(str(tmp_path / "a.pcapng")) as writer:
        writer.write([Ether(d) for d in data])
    with open(tmp_path / "b.pcapng", "wb") as file:
        write_frames(file, [Frame(d) for d in data])
    assert [f.data for f in read_capture(tmp_path / "a.pcap")] == data
    assert [f.data for f in read_capture(tmp_path / "a.pcapng")] == data
    with RawPcapNgReader(str(tmp_path / "b.pcapng")) as reader:
        assert [packet for packet, _ in reader] == data


def test_wireshark_shows_verdict_queue_and_packet_id(tmp_path: Path) -> None:
    tshark = shutil.which("tshark")
    if tshark is None:
        pytest.skip("tshark is not installed")
    with open(tmp_path / "out.pcapng", "wb") as file:
        writer = PcapngWriter(file)
        for verdict in range(5):
            writer.write(bytes(60), queue=verdict + 10, packet_id=verdict + 100, verdict=verdict, comment="c")
    fields = ["frame.verdict.ebpf_xdp", "frame.interface_queue", "frame.packet_id", "frame.comment"]
    command = [tshark, "-r", str(tmp_path / "out.pcapng"), "-T", "fields", *(x for f in fields for x in ("-e", f))]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown.splitlines() == [f"{v}\t{v + 10}\t{v + 100}\tc" for v in range(5)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "the file is empty"),
        (b"PK\x03\x04", "not a capture (it starts with 50 4b 03 04)"),
        (pcap([], "<", 1, link=113), "link type 113 is not Ethernet"),
        (pcap([Frame(bytes(60))], "<", 1)[:10], "the file ends inside its header"),
        (pcapng([Frame(bytes(60))], "<", 9)[:20], "the file ends inside its header"),
        (pcap([Frame(bytes(60))] * 3, "<", 1)[:-1], "packet 3: the file ends inside it"),
        (pcap([Frame(bytes(60))] * 3, "<", 1)[: -60 - 9], "packet 3: the file ends inside it"),  # inside its header
        (pcapng([Frame(bytes(60))] * 3, ">", 9)[:-5], "packet 3: the file ends inside it"),
        (pcap([], "<", 1) + struct.pack("<IIII", 0, 0, 1 << 30, 1 << 30), "packet 1: a length of 1073741824 bytes"),
        (pcapng([Frame(bytes(60), ifindex=4)], "<", 9), "packet 1: its interface 3 is not described"),
    ],
)
def test_a_broken_capture_is_told_with_file_and_packet(data: bytes, message: str) -> None:
    with pytest.raises(InputError) as raised:
        read(data)
    assert str(raised.value).startswith("x.pcap: ") and message in str(raised.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pcap: No such file"):
        list(read_capture(tmp_path / "none.pcap"))


def test_frames_that_do_not_fit_are_named_or_left_out() -> None:
    frames = [Frame(bytes(size)) for size in (14, 13, 100, 101, 50)]
    with pytest.raises(InputError, match=r"in: packet 2: 13 bytes, but a frame has 14 to 100.*--skip-bad"):
        list(fitting(frames, "in", 100))
    with pytest.raises(InputError, match=r"packet 4: 101 bytes.*take longer frames with --max-frame 101, or leave"):
        list(fitting(frames[:1] * 3 + frames[3:], "in", 100))
    with pytest.raises(InputError, match=r"17000 bytes, but a frame has 14 to 100: leave such packets out"):
        list(fitting([Frame(bytes(17000))], "in", 100))
    skipped: list[int] = []
    assert [index for index, _ in fitting(frames, "in", 100, skipped)] == [0, 2, 4]
    assert skipped == [1, 3]


# The native engine has a reader and a writer of its own. The echo of tests/sim/data shows what it read.

ECHO = Netlist((Path(__file__).parent / "data" / "echo.v").read_text().replace("`WIDTH", "64"), 64, registers=False)


@pytest.fixture(scope="module")
def native() -> VerilatorEngine:
    engine = VerilatorEngine()
    with skipped_without():
        engine.prepare(ECHO, Options())
    return engine


def expected_by_python(path: Path) -> tuple[list[Frame], str]:
    """The frames that fit, as the echo leaves them, and the complaint at the end if there is one."""
    frames = []
    try:
        for _, frame in fitting(read_capture(path), str(path), ECHO.max_frame, []):
            transmitted = frame.data[0] & 7 == 3
            data = bytes([frame.data[0] ^ 0xFF]) + frame.data[1:] if transmitted else frame.data
            frames.append(replace(frame, data=data))
    except InputError as error:
        return frames, str(error)
    return frames, ""


def run_natively(engine: VerilatorEngine, path: Path) -> str:
    options = Options(capture_out=path.with_suffix(".out"), skip_bad=True)
    try:
        engine.run(ECHO, path, options)
    except InputError as error:
        return str(error)
    return ""


@st.composite
def damaged_captures(draw: st.DrawFn) -> bytes:
    content = draw(frames)
    order = draw(st.sampled_from("<>"))
    if draw(st.booleans()):
        data = bytearray(pcap(content, order, draw(st.sampled_from([1000, 1]))))
    else:
        resolution = draw(st.sampled_from([9, 6, None, 0x80 | 30, 0x80 | 63, 19]))
        data = bytearray(pcapng(content, order, resolution, draw(st.integers(-(2**40), 2**40))))
    for _ in range(draw(st.integers(0, 3))):
        position = draw(st.integers(0, len(data) - 1))
        data[position] = draw(st.sampled_from([0, 1, 2, 3, 6, 0x7F, 0xFF, data[position] ^ 1]))
    return bytes(data[: draw(st.integers(0, len(data))) if draw(st.booleans()) else None])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damaged_captures())
@example(pcap([Frame(bytes(60))] * 3, "<", 1)[: -60 - 9])
@example(pcapng([Frame(bytes(60))] * 3, "<", 9)[:-90])
def test_the_native_reader_and_writer_agree_with_python_on_damaged_captures(
    native: VerilatorEngine, tmp_path: Path, data: bytes
) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(data)
    frames, complaint = expected_by_python(path)
    assert run_natively(native, path) == complaint
    if not complaint:
        assert list(read_capture(path.with_suffix(".out"))) == frames
