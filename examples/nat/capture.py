"""Frames and map contents that reach all of nat."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import INSIDE, ether, ipv4, padded, truncations
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    body = Raw(b"hardpath")
    for layer4 in (TCP, UDP):
        yield padded(ipv4(layer4(sport=3333, dport=80) / body, dst="192.0.2.80"))
        yield padded(ipv4(layer4(sport=8080, dport=3333) / body, src="10.0.0.80", dst=INSIDE))
        yield padded(ipv4(layer4(sport=1, dport=1) / body))
        yield from [padded(ipv4(layer4(sport=3334, dport=80) / body, dst="192.0.2.80"), 200)] * 3
    yield padded(ipv4(UDP(sport=3333, dport=80, chksum=0) / body, dst="192.0.2.80"))
    for value in (*range(0, 65536, 4099), becomes_zero()):
        yield padded(ipv4(UDP(sport=3333, dport=80, chksum=value) / body, dst="192.0.2.80"))
    yield padded(ipv4(TCP(dport=80), dst="192.0.2.80", options=[b"\x01" * 4]), 70)
    yield padded(ipv4(ICMP(), dst="192.0.2.80"))
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(sport=3333, dport=80), dst="192.0.2.80")))
    yield from truncations(padded(ipv4(UDP(sport=3333, dport=80), dst="192.0.2.80")))


def rewrite(address: str, port: int, protocol: int, direction: int, to: str, to_port: int) -> dict[str, str]:
    key = IPv4Address(address).packed + struct.pack(">HBB", port, protocol, direction)
    value = IPv4Address(to).packed + struct.pack(">HH", to_port, 0) + bytes(8)
    return {"key": key.hex(), "value": value.hex()}


def becomes_zero() -> int:
    """The UDP checksum that is 0 after the rewriting from 192.0.2.80:80 to 10.0.0.80:8080 (RFC 1624)."""
    added = struct.unpack(">HHH", IPv4Address("10.0.0.80").packed + struct.pack(">H", 8080))
    removed = struct.unpack(">HHH", IPv4Address("192.0.2.80").packed + struct.pack(">H", 80))
    return (sum(added) - sum(removed)) % 0xFFFF


MAPS = {
    "rewrites": [
        rewrite(address, port, protocol, direction, to, to_port)
        for protocol in (6, 17)
        for address, port, direction, to, to_port in (
            ("192.0.2.80", 80, 0, "10.0.0.80", 8080),
            ("10.0.0.80", 8080, 1, "192.0.2.80", 80),
        )
    ]
}
