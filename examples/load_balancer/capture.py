"""Connections to three services with five servers; some are known from before the rings were changed."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import ICMP, TCP, UDP
from scapy.layers.l2 import ARP
from scapy.packet import Packet, Raw

RING = 251
ANY_SOURCE_PORT, NO_CONNECTIONS = 1, 2
WEB, MAIL, NAMES, WRONG, EMPTY = "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.0", "10.0.1.1"


def frames() -> Iterator[bytes]:
    rng = random.Random(2)
    for _ in range(400):
        layer4: Packet = TCP(sport=rng.randrange(5000, 5040), dport=80, flags=rng.choice(("S", "A", "A", "PA")))
        vip = rng.choice((WEB, MAIL))
        if rng.random() < 0.3:
            layer4, vip = UDP(sport=rng.randrange(5000, 5040), dport=53), NAMES
        source = f"198.51.100.{rng.randrange(8)}"
        yield padded(ipv4(layer4 / Raw(bytes(rng.choice((0, 6, 60, 1400)))), src=source, dst=vip))
    yield from [padded(ipv4(TCP(sport=5000, dport=80, flags="A"), src="198.51.100.99", dst=WEB))] * 20
    yield padded(ipv4(TCP(sport=7777, dport=80, flags="A"), src="198.51.100.7", dst=WEB))  # stays with its server
    yield padded(ipv4(TCP(sport=7777, dport=80, flags="S"), src="198.51.100.7", dst=WEB))
    yield padded(ipv4(TCP(sport=7778, dport=80, flags="A"), src="198.51.100.7", dst=WEB))  # of which there is none
    for vip in (WRONG, EMPTY):
        yield padded(ipv4(TCP(sport=5000, dport=80), dst=vip))
    yield padded(ipv4(TCP(sport=5000, dport=81), dst=WEB))
    yield padded(ipv4(UDP(sport=5000, dport=80), dst=WEB))
    yield padded(ipv4(TCP(dport=80), dst=WEB, options=[b"\x01" * 4]), 70)
    yield padded(ipv4(TCP(dport=80), dst=WEB, flags="MF"))
    yield padded(ipv4(ICMP(), dst=WEB))
    yield padded(ipv6(TCP(dport=80)), 80)
    yield padded(ether() / ARP())
    yield from truncations(padded(ipv4(TCP(dport=80), dst=WEB)))
    yield from truncations(padded(ipv4(UDP(dport=53), dst=NAMES)))


def maglev(servers: list[int]) -> list[int]:
    """A table in which each server has about as many places, most of which it keeps when another comes or goes
    (Eisenbud and others, NSDI 2016, section 3.4)."""
    table = [0] * RING
    turns = {server: random.Random(server).sample(range(RING), RING) for server in servers}
    left = RING
    while left:
        for server in servers[:left]:
            place = next(place for place in turns[server] if not table[place])
            table[place] = server
            left -= 1
    return table


def entry(key: bytes, value: int) -> dict[str, str]:
    return {"key": key.hex(), "value": struct.pack("<I", value).hex()}


def service(address: str, port: int, protocol: int, number: int, flags: int = 0) -> dict[str, str]:
    key = IPv4Address(address).packed + struct.pack(">H", port) + struct.pack("<H", protocol)
    return {"key": key.hex(), "value": struct.pack("<II", number, flags).hex()}


def connection(source: str, port: int, dest: str, server: int) -> dict[str, str]:
    addresses = IPv4Address(source).packed + IPv4Address(dest).packed
    return entry(addresses + struct.pack(">HH", port, 80) + struct.pack("<I", 6), server)


SERVICES = {0: [1, 2, 3], 1: [3, 4], 2: [4, 5]}  # number -> servers
MAPS = {
    "services": [
        service(WEB, 80, 6, 0),
        service(MAIL, 80, 6, 1, ANY_SOURCE_PORT),
        service(NAMES, 53, 17, 2, NO_CONNECTIONS),
        service(WRONG, 80, 6, 99),  # there is no such ring
        service(EMPTY, 80, 6, 3),  # nobody is on it
    ],
    "rings": [
        entry(struct.pack("<I", number * RING + place), server)
        for number, servers in SERVICES.items()
        for place, server in enumerate(maglev(servers))
    ],
    "connections": [connection("198.51.100.7", 7777, WEB, 5), connection("198.51.100.7", 7778, WEB, 77)],
    "reals": [
        {"key": struct.pack("<I", number).hex(), "value": IPv4Address(f"10.9.0.{number}").packed.hex()}
        for number in range(1, 6)
    ],
}
