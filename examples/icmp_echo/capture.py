"""Frames and map contents that reach all of icmp_echo."""

from __future__ import annotations

from collections.abc import Iterator

from packets import ether, ipv4, padded, truncations
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    own = "192.0.2.1"
    for size in (0, 1, 18, 56, 100, 1400):
        yield padded(ipv4(ICMP(id=7, seq=size) / Raw(b"p" * size), dst=own))
    yield padded(ipv4(ICMP(type=8, chksum=0xF7FF), dst=own))
    yield padded(ipv4(ICMP(type=8, chksum=0xF800), dst=own))
    yield padded(ipv4(ICMP(type=8, chksum=0xFFFF), dst=own))
    yield padded(ipv4(ICMP(id=1), dst=own, options=[b"\x01" * 4] * 10), 90)
    yield padded(ipv4(ICMP(type=0), dst=own))
    yield padded(ipv4(ICMP(type=8, code=1), dst=own))
    yield padded(ipv4(ICMP()))
    yield padded(ipv4(UDP(), dst=own))
    yield padded(ether() / ARP())
    yield padded(ether() / IP(dst=own, ihl=1, proto=1) / ICMP())
    yield from truncations(padded(ipv4(ICMP(), dst=own)))
