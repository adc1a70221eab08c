"""Frames that reach all of udp_reflector."""

from __future__ import annotations

from collections.abc import Iterator

from packets import INSIDE, OUTSIDE, ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Dot1Q


def frames() -> Iterator[bytes]:
    frames = [
        padded(ipv4(UDP(sport=1, dport=53))),
        padded(ipv4(TCP(sport=1, dport=80))),
        padded(ipv4(ICMP())),
        padded(ipv6(UDP(dport=443)), 74),
        padded(ipv6(TCP(dport=443)), 74),
        padded(ether() / Dot1Q(vlan=5) / IP(src=INSIDE, dst=OUTSIDE) / UDP(dport=9)),
        padded(ether(type=0x88A8) / Dot1Q(vlan=5) / IP(src=INSIDE, dst=OUTSIDE) / UDP(dport=9)),
        padded(ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / IP(src=INSIDE, dst=OUTSIDE) / UDP(dport=9)),
        padded(ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / IPv6(src="2001:db8::1", dst="2001:db8::2") / UDP(dport=9), 76),
        padded(ether() / Dot1Q(vlan=5) / Dot1Q(vlan=6) / Dot1Q(vlan=7) / IP()),
        padded(ether() / ARP(pdst=OUTSIDE)),
    ]
    for frame in frames:
        yield frame
        yield from truncations(frame)
    for port in range(64):
        yield padded(ipv4(UDP(sport=port, dport=7)))
