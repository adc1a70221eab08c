"""Frames in: what an engine or an oracle takes as input, read from pcap and pcapng captures."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ..hdl.errors import InputError
from ..hdl.frame_sizes import LONGEST_FRAME, MIN_FRAME
from .pcapng import SECTION_HEADER, CaptureFile, Packet, PcapngWriter, read_blocks


@dataclass(frozen=True, slots=True)
class Frame:
    """One Ethernet frame without preamble and FCS, as it arrives.

    ``time_ns``: arrival (64 bits), what bpf_ktime_get_ns returns. ``ifindex``, ``rx_queue``: as in struct xdp_md
    (32 bits each); the first interface of a capture has ifindex 1, the queue is its epb_queue option or 0.
    """

    data: bytes
    ifindex: int = 1
    rx_queue: int = 0
    time_ns: int = 0


def refuse_pipe(path: Path | str) -> None:
    """Raises `InputError` for what can be read only once: captures are read more often, and by several processes."""
    if Path(path).is_fifo():
        raise InputError(f"{path}: a pipe, and a capture is read more than once: save it into a file first")


def read_capture(path: Path | str) -> Iterator[Frame]:
    """Frames of a pcap or pcapng file in file order, in constant memory.

    Packets that the capture cut short are given as far as they are there. Raises `InputError` (file, packet number as
    in Wireshark, remedy) for anything that is not a whole Ethernet capture.
    """
    refuse_pipe(path)
    try:
        with open(path, "rb", buffering=1 << 18) as file:
            yield from read_stream(file, str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: give an existing pcap or pcapng file") from None


def read_stream(file: BinaryIO, name: str) -> Iterator[Frame]:
    """As `read_capture`, from an open file or pipe; ``name`` is what messages call it."""
    source = CaptureFile(file, name)
    magic = file.read(4)
    if not magic:
        raise InputError(f"{name}: the file is empty: give a pcap or pcapng capture")
    if magic == SECTION_HEADER.to_bytes(4, "little"):
        packets = read_blocks(source)
    elif magic in _PCAP_MAGICS:
        packets = _read_pcap(source, *_PCAP_MAGICS[magic])
    else:
        raise InputError(f"{name}: not a capture (it starts with {magic.hex(' ')}): give a pcap or pcapng file")
    for packet in packets:
        yield Frame(packet.data, packet.interface + 1, packet.queue, packet.time_ns)


_PCAP_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),  # byte order, ns per fraction unit
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}


def _read_pcap(source: CaptureFile, order: str, unit_ns: int) -> Iterator[Packet]:
    link = struct.unpack(order + "HHiIII", source.exactly(20))[-1]
    source.begun = True
    source.check_link(link & 0xFFFF)  # the upper bits tell about the FCS
    record = struct.Struct(order + "IIII")
    while header := source.file.read(record.size):
        if len(header) < record.size:
            raise source.cut_off()
        seconds, fraction, captured, original = record.unpack(header)
        source.check_size(captured)
        data = source.exactly(captured)
        yield Packet(data, 0, seconds * 1_000_000_000 + fraction * unit_ns, original)
        source.packets += 1


def length_fault(number: int, size: int, max_frame: int) -> str | None:
    """What is wrong with the length of packet ``number`` (from 1) for a datapath that takes ``max_frame`` bytes."""
    if MIN_FRAME <= size <= max_frame:
        return None
    longer = f"take longer frames with --max-frame {size}, or " if max_frame < size <= LONGEST_FRAME else ""
    return (
        f"packet {number}: {size} bytes, but a frame has {MIN_FRAME} to {max_frame}: "
        f"{longer}leave such packets out with --skip-bad"
    )


def fitting(
    frames: Iterable[Frame], name: str, max_frame: int, skipped: list[int] | None = None
) -> Iterator[tuple[int, Frame]]:
    """Frames with their position in the input (from 0), without those that the datapath cannot take.

    The positions of the latter go to ``skipped``; without such a list the first one raises `InputError`.
    """
    for index, frame in enumerate(frames):
        fault = length_fault(index + 1, len(frame.data), max_frame)
        if fault is None:
            yield index, frame
        elif skipped is None:
            raise InputError(f"{name}: {fault}")
        else:
            skipped.append(index)


def write_frames(file: BinaryIO, frames: Iterable[Frame]) -> None:
    """Frames as pcapng that `read_capture` gives back unchanged."""
    writer = PcapngWriter(file)
    for frame in frames:
        if not 1 <= frame.ifindex <= MAX_IFINDEX:
            raise InputError(f"ifindex {frame.ifindex} cannot be simulated: give 1 to {MAX_IFINDEX}")
        writer.write(
            frame.data, time_ns=frame.time_ns, interface=frame.ifindex - 1, queue=frame.rx_queue or None
        )


MAX_IFINDEX = 4096  # a capture describes every interface up to the highest one used
