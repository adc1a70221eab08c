"""Frames for every way that a forwarded packet can take, and those that are not forwarded."""

from collections.abc import Iterator

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

PORTS = (2, 3)
"""Interface 4 is not in the map, so what goes there goes to the host."""

MAPS = {
    "ports": [
        {"key": number.to_bytes(4, "little").hex(), "value": number.to_bytes(8, "little").hex()} for number in PORTS
    ]
}

TARGETS4 = (
    "8.8.8.8", "10.3.0.1", "10.3.9.1", "10.4.0.1", "10.66.0.1", "10.67.0.1", "10.68.0.1", "192.168.2.2", "192.168.3.2",
    "192.168.3.77", "192.168.2.1", "192.168.2.255", "127.0.0.1", "224.0.0.5",
)  # fmt: skip
TARGETS6 = (
    "2a00::1", "2001:db8:30::1", "2001:db8:30:9::1", "2001:db8:66::1", "2001:db8:3::2", "2001:db8:3::77",
    "2001:db8:2::1", "2001:db8:2::", "fe80::2", "ff02::1", "::1",
)  # fmt: skip


def frames() -> Iterator[Packet]:
    host = Ether(src="02:00:00:00:05:01", dst="02:00:00:00:01:02")
    for target in TARGETS4:
        for size in (0, 1170, 1260, 1400, 1472):
            yield host / IP(src="192.168.2.9", dst=target) / UDP(sport=1, dport=2) / Raw(bytes(size))
    for target in TARGETS6:
        for size in (0, 1300, 1352, 1452):
            yield host / IPv6(src="2001:db8:2::9", dst=target) / UDP(sport=1, dport=2) / Raw(bytes(size))
    yield host / IPv6(src="fe80::9", dst="2a00::1") / UDP()
    for ttl in (0, 1, 2):
        yield host / IP(src="192.168.2.9", dst="10.3.0.1", ttl=ttl) / UDP()
        yield host / IPv6(src="2001:db8:2::9", dst="2a00::1", hlim=ttl) / UDP()
    yield host / IP(src="192.168.2.9", dst="10.3.0.1", options=[b"\1\1\1\0"]) / UDP()
    yield host / ARP(psrc="192.168.2.9", pdst="192.168.2.1")
    yield Ether(bytes(host / IP(dst="10.3.0.1"))[:30])
    yield Ether(bytes(host / IPv6(dst="2a00::1"))[:50])
