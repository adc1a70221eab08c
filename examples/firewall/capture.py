"""Frames and map contents that reach all of firewall."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import INSIDE, OUTSIDE, ether, ipv4, padded, truncations
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP


def frames() -> Iterator[bytes]:
    for protocol in (TCP, UDP):
        for port in (1000, 1001, 1002):
            there = padded(ipv4(protocol(sport=port, dport=80)))
            back = padded(ipv4(protocol(sport=80, dport=port), src=OUTSIDE, dst=INSIDE))
            yield back  # refused: the flow is not open
            yield there
            yield back
            yield from [there] * 4
            yield from [back] * 2
    reset = padded(ipv4(TCP(sport=1001, dport=80, flags="R")))
    yield reset
    yield reset  # the flow is gone
    yield padded(ipv4(TCP(sport=80, dport=1001), src=OUTSIDE, dst=INSIDE))
    yield padded(ipv4(TCP(sport=80, dport=1002, flags="R"), src=OUTSIDE, dst=INSIDE))
    for host in range(40):
        yield padded(ipv4(UDP(sport=5000 + host, dport=53), src=f"10.9.0.{host + 1}"))
    for host in range(40):
        yield padded(ipv4(UDP(sport=53, dport=5000 + host), src=OUTSIDE, dst=f"10.9.0.{host + 1}"), 90 + host)
    yield padded(ether() / ARP())
    yield padded(ether() / IPv6(), 60)
    yield padded(ipv4(ICMP()))
    yield padded(ipv4(TCP(sport=7, dport=7), options=[b"\x01" * 4] * 2), 70)
    yield padded(ether() / IP(src=INSIDE, dst=OUTSIDE, ihl=3, proto=17) / UDP())
    yield from truncations(padded(ipv4(TCP(sport=1000, dport=80))))
    yield from truncations(padded(ipv4(UDP(sport=1000, dport=80))))
    for host in range(1024):  # more than the table takes
        yield padded(ipv4(UDP(sport=6000, dport=53), src=str(IPv4Address("10.8.0.0") + host)))
