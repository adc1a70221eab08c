"""Frames and map contents that reach all of chain."""

from __future__ import annotations

from collections.abc import Iterator

from packets import OUTSIDE, ether, ipv4, padded, truncations
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP


def frames() -> Iterator[bytes]:
    for options in ([], [b"\x01" * 4] * 2, [b"\x01" * 4] * 10):
        for port in (22, 23, 53):
            yield padded(ipv4(TCP(dport=port, flags="S"), options=options), 100)
            yield padded(ipv4(TCP(dport=port, flags="A"), options=options), 100)
            yield padded(ipv4(UDP(dport=port), options=options), 100)
    for layer4 in (TCP(dport=23), TCP(dport=80, flags="S"), UDP(dport=53), UDP(dport=54), ICMP()):
        frame = padded(ether() / IPv6(src="2001:db8::1", dst="2001:db8::2") / layer4, 80)
        yield frame
        yield from truncations(frame)
        yield from truncations(padded(ipv4(layer4)))
    yield padded(ipv4(ICMP()))
    yield padded(ether() / ARP())
    yield padded(ether() / IP(dst=OUTSIDE, ihl=2, proto=6) / TCP())
