"""Frames and map contents that reach all of port_filter."""

from __future__ import annotations

from collections.abc import Iterator

from packets import INSIDE, OUTSIDE, ether, ipv4, padded, truncations, twice_tagged
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.l2 import ARP, Dot1Q


def frames() -> Iterator[bytes]:
    for port in (22, 23, 80, 135, 443, 445, 3389, 65535):
        for layer4 in (TCP(sport=4000, dport=port), UDP(sport=4000, dport=port)):
            yield padded(ipv4(layer4))
            yield padded(ether() / Dot1Q(vlan=7) / IP(src=INSIDE, dst=OUTSIDE) / layer4, 64)
            yield padded(ipv4(layer4, options=[b"\x01" * 4] * 3), 80)
    yield from twice_tagged()
    yield padded(ipv4(ICMP()))
    yield padded(ipv4(UDP(dport=23), frag=5))
    yield padded(ipv4(UDP(dport=80), flags="MF"))
    yield padded(ether() / ARP())
    for ihl in (0, 4, 15):
        yield padded(ether() / IP(src=INSIDE, dst=OUTSIDE, ihl=ihl, proto=6) / TCP(dport=23))
    yield from truncations(padded(ipv4(TCP(dport=23))))
