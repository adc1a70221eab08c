"""Packets to services behind tunnels of both families, and to others."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import ip_address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    for layer4 in (TCP, UDP):
        for port in (80, 443, 53):
            for size in (0, 6, 200, 1400):
                yield padded(ipv4(layer4(sport=4000, dport=port) / Raw(bytes(size)), dst="10.0.0.1"))
                yield padded(ipv6(layer4(sport=4000, dport=port) / Raw(bytes(size)), dst="2001:db8::1"))
    yield from [padded(ipv4(TCP(sport=4000, dport=80), dst="10.0.0.1"))] * 20
    yield padded(ipv4(TCP(sport=4000, dport=80), dst="10.0.0.1", options=[b"\x01" * 4] * 3))
    yield padded(ipv4(TCP(sport=4000, dport=80), dst="10.0.0.1", ihl=4))
    yield padded(ipv4(TCP(sport=4000, dport=80), dst="10.0.0.1", frag=7))
    yield padded(ipv4(TCP(sport=4000, dport=80), dst="10.0.0.1", flags="MF"))
    yield padded(ipv4(TCP(sport=4000, dport=80), dst="10.0.0.1", len=0))
    yield padded(ipv4(TCP(sport=4000, dport=80)))
    yield padded(ipv4(ICMP(), dst="10.0.0.1"))
    yield padded(ipv6(Raw(bytes(8)), dst="2001:db8::1", nh=58))
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(dport=80), dst="10.0.0.1")))
    yield from truncations(padded(ipv6(TCP(dport=80), dst="2001:db8::1")))


def address(text: str) -> tuple[bytes, int]:
    """(16 bytes, AF_*)."""
    parsed = ip_address(text)
    return parsed.packed.ljust(16, b"\0"), 2 if parsed.version == 4 else 10


def tunnel(service: str, port: int, protocol: int, source: str, dest: str) -> dict[str, str]:
    to, family = address(service)
    (left, outer), (right, _) = address(source), address(dest)
    key = to + struct.pack(">HBB", port, protocol, family)
    value = left + right + bytes.fromhex("02000000000f") + struct.pack("<H", outer)
    return {"key": key.hex(), "value": value.hex()}


V4 = "192.0.2.1", "192.0.2.2"
V6 = "2001:db8:1::1", "2001:db8:2::2"
MAPS = {
    "tunnels": [
        tunnel("10.0.0.1", 80, 6, *V4),
        tunnel("10.0.0.1", 80, 17, *V6),
        tunnel("10.0.0.1", 443, 6, *V6),
        tunnel("2001:db8::1", 80, 6, *V6),
        tunnel("2001:db8::1", 443, 17, *V4),
        tunnel("2001:db8::1", 443, 6, *V4),
    ]
}
