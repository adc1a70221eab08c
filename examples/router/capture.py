"""Frames and map contents that reach all of router."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network

from packets import ether, ipv4, padded, truncations
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP
from scapy.packet import Packet

TO_HOST, BLACKHOLE = 1, 2


def frames() -> Iterator[bytes]:
    def to(destination: str, **fields: object) -> Packet:
        return ipv4(UDP(sport=4000, dport=5000), dst=destination, **fields)

    destinations = (
        "10.0.0.1",  # on link
        "10.0.0.77",  # on link, and not a neighbour yet
        "10.1.2.3",  # behind a gateway
        "10.1.2.200",  # in a longer prefix with a gateway of its own
        "10.1.2.201",  # a single host in that prefix
        "10.1.3.4",
        "172.16.5.6",  # thrown away
        "172.16.5.7",  # but not all of it
        "192.0.2.1",  # the router itself
        "224.0.0.5",
        "8.8.8.8",  # by the default route
        "127.0.0.1",  # the gateway is not a neighbour
    )
    for destination in destinations:
        for size in (60, 64, 65, 600, 1514):
            yield padded(to(destination), size)
        for ttl in (0, 1, 2, 255):
            yield padded(to(destination, ttl=ttl))
    yield from [padded(to("10.1.2.3"))] * 30
    yield from [padded(to(destination)) for destination in destinations] * 3
    for check in (0, 1, 0xFE, 0xFEFE, 0xFEFF, 0xFF00, 0xFFFE, 0xFFFF):
        yield padded(to("10.1.2.3", chksum=check))
    yield padded(to("10.1.2.3", options=[b"\x01" * 4]), 70)
    yield padded(to("10.1.2.3", version=6))
    yield padded(ether() / ARP())
    yield padded(ether() / IPv6())
    yield from truncations(padded(to("10.1.2.3")))


def route(prefix: str, gateway: str = "0.0.0.0", action: int = 0) -> dict[str, str]:
    network = IPv4Network(prefix)
    key = struct.pack("<I", network.prefixlen) + network.network_address.packed
    return {"key": key.hex(), "value": (IPv4Address(gateway).packed + struct.pack("<IQQ", action, 0, 0)).hex()}


def neighbour(address: str, ifindex: int) -> dict[str, str]:
    macs = bytes.fromhex("0200000001") + bytes([ifindex]) + bytes.fromhex("0200000002") + bytes([ifindex])
    return {"key": IPv4Address(address).packed.hex(), "value": (struct.pack("<I", ifindex) + macs).hex()}


MAPS = {
    "routes": [
        route("0.0.0.0/0", "10.0.0.1"),
        route("10.0.0.0/24"),
        route("10.1.0.0/16", "10.0.0.2"),
        route("10.1.2.128/25", "10.0.0.3"),
        route("10.1.2.201/32", "10.0.0.1"),
        route("127.0.0.0/8", "10.0.0.78"),
        route("172.16.0.0/12", action=BLACKHOLE),
        route("172.16.5.7/32", "10.0.0.2"),
        route("192.0.2.1/32", action=TO_HOST),
        route("224.0.0.0/4", action=TO_HOST),
    ],
    "neighbours": [neighbour("10.0.0.1", 2), neighbour("10.0.0.2", 3), neighbour("10.0.0.3", 4)],
}
