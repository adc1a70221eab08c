"""Frames that reach all of telemetry."""

from __future__ import annotations

from collections.abc import Iterator

from packets import INSIDE, ether, ipv4, padded, truncations
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q


def frames() -> Iterator[bytes]:
    def tcp(port: int, flags: str, size: int = 60) -> bytes:
        return padded(ipv4(TCP(sport=port, dport=443, flags=flags)), size)

    yield tcp(999, "R")  # the end of a flow that nobody knows
    for port in (1000, 1001, 1002):
        yield tcp(port, "S")
        for number in range(9):
            yield tcp(port, "A", 60 + 100 * number)
        yield tcp(port, "FA" if port & 1 else "R")
        yield tcp(port, "A")  # a new flow of the same name
    for _ in range(20):  # back to back
        yield padded(ipv4(UDP(sport=5000, dport=53)), 64)
    for host in range(260):  # more than the table takes
        yield padded(ipv4(UDP(sport=6000, dport=53), src=f"10.8.{host >> 8}.{host & 255}"))
    yield padded(ether() / Dot1Q(vlan=9) / IP(src=INSIDE, dst="203.0.113.9", id=1) / UDP(sport=5000, dport=53))
    twice = ether() / Dot1Q(vlan=9) / Dot1Q(vlan=8) / IP(src=INSIDE, dst="203.0.113.9", id=1) / UDP(sport=5, dport=53)
    yield padded(twice, 64)
    yield from truncations(padded(twice, 64))
    yield padded(ipv4(UDP(sport=5000, dport=53), options=[b"\x01" * 4] * 2), 70)
    yield padded(ether() / ARP())
    yield padded(ether() / IPv6(), 60)
    yield padded(ipv4(ICMP()))
    yield from truncations(tcp(1003, "S"))
