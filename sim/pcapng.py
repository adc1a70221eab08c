"""The pcapng format (draft-ietf-opsawg-pcapng): reading packets of any byte order and clock, writing verdicts.

`sim/native/capture.hpp` and `sim/native/pcapng_writer.hpp` are the same reader and writer in C++; a test holds the
files and the messages of the two against each other.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..hdl.errors import InputError

SECTION_HEADER = 0x0A0D0D0A
INTERFACE = 1
OBSOLETE_PACKET = 2
SIMPLE_PACKET = 3
ENHANCED_PACKET = 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D

OPT_END = 0
OPT_COMMENT = 1
OPT_SHB_USERAPPL = 4
OPT_IF_TSRESOL = 9
OPT_IF_TSOFFSET = 14
OPT_EPB_PACKETID = 5
OPT_EPB_QUEUE = 6
OPT_EPB_VERDICT = 7
VERDICT_LINUX_XDP = 2  # first byte of epb_verdict: the 8 bytes behind it are an XDP action

ETHERNET = 1
MAX_PACKET = 262144  # libpcap's MAXIMUM_SNAPLEN
MAX_BLOCK = 16 << 20


@dataclass(frozen=True, slots=True)
class Packet:
    """A captured packet: ``interface`` counts from 0, ``original`` is its length in bytes before it was cut."""

    data: bytes
    interface: int
    time_ns: int
    original: int
    queue: int = 0


class CaptureFile:
    """A byte source that counts packets, so that every complaint can name the file and the packet."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        self.file = file
        self.name = name
        self.packets = 0
        self.begun = False  # the file's header has been read

    def exactly(self, size: int) -> bytes:
        """The next ``size`` bytes; `InputError` when the file ends before."""
        data = self.file.read(size)
        if len(data) != size:
            raise self.cut_off()
        return data

    def cut_off(self) -> InputError:
        """The error for a file that ends too early."""
        if not self.begun:
            return InputError(f"{self.name}: the file ends inside its header: give a whole pcap or pcapng capture")
        return self.damaged("the file ends inside it: capture again, or cut the file before this packet")

    def damaged(self, reason: str) -> InputError:
        """The error for the packet that is being read."""
        return InputError(f"{self.name}: packet {self.packets + 1}: {reason}")

    def check_link(self, link_type: int) -> None:
        """Only Ethernet frames can enter the datapath."""
        if link_type != ETHERNET:
            raise InputError(
                f"{self.name}: link type {link_type} is not Ethernet (1): capture on an Ethernet interface"
            )

    def check_size(self, size: int) -> None:
        """Lengths that no capture tool writes mean that the file is damaged."""
        if size > MAX_PACKET:
            raise self.damaged(f"a length of {size} bytes is impossible: the file is damaged, capture again")


@dataclass(slots=True)
class _Interface:
    numerator: int = 1000  # ns = ticks * numerator // denominator + offset
    denominator: int = 1
    offset: int = 0
    snap_length: int = 0

    def time_ns(self, ticks: int) -> int:
        return (ticks * self.numerator // self.denominator + self.offset) & 0xFFFF_FFFF_FFFF_FFFF


def read_blocks(source: CaptureFile) -> Iterator[Packet]:
    """Packets of a pcapng file whose first four bytes (the block type) have been read."""
    order = "<"
    interfaces: list[_Interface] = []
    header = source.exactly(4)  # length of the first section header, byte order not known yet
    block_type = SECTION_HEADER
    while True:
        if block_type == SECTION_HEADER:
            magic = source.exactly(4)
            order = _byte_order(source, magic)
            interfaces = []
        (length,) = struct.unpack(order + "I", header)
        if length < 12 or length % 4 or length > MAX_BLOCK:
            raise source.damaged(f"a block of {length} bytes is impossible: the file is damaged, capture again")
        body_size = length - 12 - (4 if block_type == SECTION_HEADER else 0)
        if body_size < 0:
            raise source.damaged(f"a block of {length} bytes is impossible: the file is damaged, capture again")
        body = source.exactly(body_size)
        if source.exactly(4) != header:
            raise source.damaged("the two lengths of a block differ: the file is damaged, capture again")
        if block_type == INTERFACE:
            interfaces.append(_interface(source, order, body))
        elif block_type in (ENHANCED_PACKET, SIMPLE_PACKET, OBSOLETE_PACKET):
            yield _packet(source, order, block_type, body, interfaces)
            source.packets += 1
        source.begun = True
        start = source.file.read(8)
        if not start:
            return
        if len(start) < 8:
            raise source.cut_off()
        # The type of a section header reads the same in both byte orders.
        (block_type,) = struct.unpack(order + "I", start[:4])
        header = start[4:]


def _byte_order(source: CaptureFile, magic: bytes) -> str:
    for order in "<>":
        if struct.unpack(order + "I", magic)[0] == BYTE_ORDER_MAGIC:
            return order
    raise source.damaged("a section header without byte order: the file is damaged, capture again")


def _options(source: CaptureFile, order: str, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        at += 4
        if code == OPT_END:
            return
        if at + size > len(body):
            raise source.damaged("an option is longer than its block: the file is damaged, capture again")
        yield code, body[at : at + size]
        at += (size + 3) & ~3


def _interface(source: CaptureFile, order: str, body: bytes) -> _Interface:
    if len(body) < 8:
        raise source.damaged("an interface description is too short: the file is damaged, capture again")
    link_type, _, snap_length = struct.unpack_from(order + "HHI", body)
    source.check_link(link_type)
    interface = _Interface(snap_length=snap_length)
    for code, value in _options(source, order, body, 8):
        if code == OPT_IF_TSRESOL and value:
            exponent = value[0] & 0x7F
            if exponent > (63 if value[0] & 0x80 else 19):
                raise source.damaged(
                    f"a clock resolution of {value[0]:#x} is impossible: the file is damaged, capture again"
                )
            interface.numerator = 1_000_000_000
            interface.denominator = 1 << exponent if value[0] & 0x80 else 10**exponent
        elif code == OPT_IF_TSOFFSET and len(value) == 8:
            interface.offset = struct.unpack(order + "q", value)[0] * 1_000_000_000
    return interface


def _packet(
    source: CaptureFile, order: str, block_type: int, body: bytes, interfaces: list[_Interface]
) -> Packet:
    head = {ENHANCED_PACKET: 20, OBSOLETE_PACKET: 20, SIMPLE_PACKET: 4}[block_type]
    if len(body) < head:
        raise source.damaged("its block is too short: the file is damaged, capture again")
    if block_type == ENHANCED_PACKET:
        number, high, low, captured, original = struct.unpack_from(order + "IIIII", body)
    elif block_type == OBSOLETE_PACKET:
        number, _, high, low, captured, original = struct.unpack_from(order + "HHIIII", body)
    else:
        number, high, low = 0, 0, 0
        (original,) = struct.unpack_from(order + "I", body)
        captured = original
    if number >= len(interfaces):
        raise source.damaged(f"its interface {number} is not described: the file is damaged, capture again")
    interface = interfaces[number]
    if block_type == SIMPLE_PACKET and interface.snap_length:
        captured = min(captured, interface.snap_length)
    source.check_size(captured)
    if head + captured > len(body):
        raise source.damaged("it is longer than its block: the file is damaged, capture again")
    queue = 0
    if block_type == ENHANCED_PACKET:
        for code, value in _options(source, order, body, head + ((captured + 3) & ~3)):
            if code == OPT_EPB_QUEUE and len(value) == 4:
                (queue,) = struct.unpack(order + "I", value)
    data = body[head : head + captured]
    return Packet(data, number, interface.time_ns((high << 32) | low), original, queue)


class PcapngWriter:
    """Writes Ethernet packets with nanosecond clocks, little-endian.

    Options have the order and the form of xdp-tools (lib/util/xpcapng.c): Wireshark shows ``verdict`` as
    ``frame.verdict.ebpf_xdp``, ``queue`` as ``frame.interface_queue``, ``packet_id`` as ``frame.packet_id``.
    Interfaces are described when first needed; ``interface`` counts from 0.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._interfaces = 0
        body = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1)
        self._block(SECTION_HEADER, body + _option(OPT_SHB_USERAPPL, b"hardpath") + _option(OPT_END, b""))

    def _block(self, block_type: int, body: bytes) -> None:
        length = len(body) + 12
        self._file.write(struct.pack("<II", block_type, length) + body + struct.pack("<I", length))

    def flush(self) -> None:
        """What has been written reaches the file."""
        self._file.flush()

    def write(
        self,
        data: bytes,
        *,
        time_ns: int = 0,
        interface: int = 0,
        queue: int | None = None,
        packet_id: int | None = None,
        verdict: int | None = None,
        comment: str = "",
    ) -> None:
        """Append one packet; ``verdict`` is an XDP action number."""
        while self._interfaces <= interface:
            clock = _option(OPT_IF_TSRESOL, b"\x09") + _option(OPT_END, b"")
            self._block(INTERFACE, struct.pack("<HHI", ETHERNET, 0, 0) + clock)
            self._interfaces += 1
        size = len(data)
        options = b""
        if comment:
            options += _option(OPT_COMMENT, comment.encode())
        if packet_id is not None:
            options += _option(OPT_EPB_PACKETID, struct.pack("<Q", packet_id))
        if queue is not None:
            options += _option(OPT_EPB_QUEUE, struct.pack("<I", queue))
        if verdict is not None:
            options += _option(OPT_EPB_VERDICT, struct.pack("<BQ", VERDICT_LINUX_XDP, verdict))
        if options:
            options += _option(OPT_END, b"")
        head = struct.pack("<IIIII", interface, time_ns >> 32, time_ns & 0xFFFF_FFFF, size, size)
        self._block(ENHANCED_PACKET, head + data + bytes(-size % 4) + options)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4)
