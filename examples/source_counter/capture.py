"""Frames and map contents that reach all of source_counter."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import INSIDE, PAD, ether, ipv4, padded, truncations, twice_tagged
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1Q


def frames() -> Iterator[bytes]:
    for turn in range(4):
        for host in range(1, 60):
            yield padded(ipv4(UDP(), src=f"203.0.113.{host}"), PAD + 10 * turn)
        yield from [padded(ipv4(UDP(), src="203.0.113.250"))] * 20
    for host in range(600):  # more than the map takes
        yield padded(ipv4(UDP(), src=str(IPv4Address("172.16.0.0") + host)))
    yield padded(ether() / Dot1Q(vlan=3) / IP(src="203.0.113.1", dst=INSIDE) / UDP())
    yield from twice_tagged()
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(UDP())))


MAPS = {"sources": [{"key": IPv4Address("203.0.113.9").packed.hex(), "value": struct.pack("<QQ", 100, 6000).hex()}]}
