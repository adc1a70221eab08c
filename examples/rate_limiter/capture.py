"""Sources within and above their rates; a microsecond is 12.5 bytes of it."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import INSIDE, ether, ipv4, ipv6, padded, truncations, twice_tagged
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import ARP, Dot1Q

SLOW, FAST, RESTING = "10.0.0.1", "10.0.0.2", "10.0.0.3"


def frames() -> Iterator[bytes]:
    def of(source: str, size: int) -> bytes:
        return padded(ipv4(UDP(sport=1, dport=2), src=source), size)

    for _ in range(60):
        yield of(SLOW, 60)
        yield from [of(FAST, 200)] * 6
    yield of(RESTING, 1514)
    yield of(RESTING, 1514)  # too much after the first
    yield of(RESTING, 60)  # but this one has room
    yield from twice_tagged()
    yield padded(ether() / Dot1Q(vlan=3) / IP(src=FAST, dst=INSIDE) / UDP())
    yield padded(ether() / ARP())
    yield padded(ipv6(UDP()))
    yield from truncations(padded(ipv4(UDP(), src=SLOW)))
    yield of(RESTING, 60)
    for host in range(1100):  # more than the table takes
        yield of(str(IPv4Address("172.16.0.0") + host), 60)
    yield of(FAST, 1514)


def bucket(source: str, over: int, full_at: int, bytes_sent: int) -> dict[str, str]:
    value = struct.pack("<IIQQ", 0, over, full_at, bytes_sent)
    return {"key": IPv4Address(source).packed.hex(), "value": value.hex()}


MAPS = {"buckets": [bucket(FAST, 3, 1_700_000_000_000_100_000, 4000)]}
