"""Clients that stay within the limit, go beyond it, close and come again."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import ARP

SERVER = "10.0.0.9"
OPTIONS = [("MSS", 1460), ("NOP", None), ("WScale", 7)]


def frames() -> Iterator[bytes]:
    def segment(client: str, port: int, flags: str, **fields: object) -> bytes:
        layer4 = TCP(sport=port, dport=443, flags=flags, seq=0xFFFFFFFF - port % 3, **fields)
        return padded(ipv4(layer4, src=client, dst=SERVER))

    for client in ("10.0.0.1", "10.0.0.2"):
        for port in range(5000, 5012):
            yield segment(client, port, "S", options=OPTIONS)
            yield segment(client, port, "S")  # again: it is counted once
            yield segment(client, port, "A")
        yield segment(client, 5003, "FA")
        yield segment(client, 5003, "FA")
        yield segment(client, 5004, "R")
        for port in range(5020, 5024):  # two of them find room
            yield segment(client, port, "S")
    yield segment("10.0.0.1", 5000, "SA")
    yield segment("10.0.0.4", 5000, "R")
    yield from [segment("10.0.0.3", 6000, flags) for flags in ("S", "F") * 20]
    yield padded(ipv4(UDP(sport=5000, dport=443)))
    yield padded(ipv4(TCP(flags="S"), proto=47))
    yield padded(ipv4(TCP(flags="S"), options=[b"\x01" * 4]))
    yield padded(ipv4(TCP(flags="S"), flags="MF"))
    yield padded(ether() / ARP())
    yield padded(ipv6(TCP(flags="S")), 80)
    yield from truncations(segment("10.0.0.8", 5000, "S"))
    yield from truncations(padded(ipv4(UDP())))
    for client in range(1100):  # more than the table of sources takes
        yield segment(str(IPv4Address("172.16.0.0") + client), 7000, "S")
    for client in range(150):  # and of connections
        for port in range(8):
            yield segment(str(IPv4Address("172.16.0.0") + client), 7100 + port, "S")
    yield segment("172.16.4.75", 7000, "F")  # the connection of a source without room
