"""What the captures of several examples are made of."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q, Ether
from scapy.packet import Packet, Raw

INSIDE, OUTSIDE = "10.1.2.3", "198.51.100.7"
PAD = 60


def ether(**fields: object) -> Packet:
    return Ether(dst="02:00:00:00:00:02", src="02:00:00:00:00:01", **fields)


def padded(packet: Packet, size: int = PAD) -> bytes:
    raw = bytes(packet)
    return raw.ljust(size, b"\0")


def ipv4(layer4: Packet, src: str = INSIDE, dst: str = OUTSIDE, **fields: object) -> Packet:
    return ether() / IP(src=src, dst=dst, id=1, **fields) / layer4


def ipv6(layer4: Packet, src: str = "2001:db8::1", dst: str = "2001:db8::2", **fields: object) -> Packet:
    return ether() / IPv6(src=src, dst=dst, **fields) / layer4


def truncations(frame: bytes) -> Iterator[bytes]:
    """The frame cut at every length where a parser may be inside of a header."""
    for size in (14, 15, 17, 18, 21, 22, 33, 34, 35, 37, 38, 41, 42, 53, 54):
        if size < len(frame):
            yield frame[:size]


def twice_tagged() -> Iterator[bytes]:
    tags = ether(type=0x88A8) / Dot1Q(vlan=5) / Dot1Q(vlan=6)
    frame = padded(tags / IP(src=INSIDE, dst=OUTSIDE) / UDP(sport=4000, dport=23), 64)
    yield frame
    yield from truncations(frame)
    yield padded(tags / Dot1Q(vlan=7) / IP())
    yield padded(tags / ARP())


def plain() -> Iterator[bytes]:
    for size in (14, 15, 60, 64, 65, 127, 128, 129, 511, 1024, 1514):
        yield padded(ether() / Raw(bytes(i & 255 for i in range(size - 14))), size)


def becomes_zero(removed: bytes, added: bytes) -> int:
    """The UDP checksum that is 0 after the rewriting (RFC 1624); both have an even number of bytes."""
    sums = [sum(struct.unpack(f">{len(data) // 2}H", data)) for data in (removed, added)]
    return (sums[1] - sums[0]) % 0xFFFF


def endpoint(address: str, port: int) -> bytes:
    """IPv4 address and port, big-endian."""
    return IPv4Address(address).packed + struct.pack(">H", port)
