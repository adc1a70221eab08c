"""Real clients, which answer the challenge, and others, which flood or forge."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from ipaddress import IPv4Address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import TCP, UDP
from scapy.layers.l2 import ARP

START, SLOT_BITS, SECRET = 1_700_000_000 * 10**9, 31, 0x6A09E667  # the first frame's time; as in the program
SERVER, MASK = "10.0.0.9", 0xFFFFFFFF
OPTIONS = [("MSS", 1460), ("NOP", None), ("WScale", 7)]


def frames() -> Iterator[bytes]:
    def segment(client: str, port: int, flags: str, **fields: object) -> bytes:
        return padded(ipv4(TCP(sport=port, dport=443, flags=flags, **fields), src=client, dst=SERVER))

    slot = START >> SLOT_BITS
    for host, good in (("10.0.0.1", slot), ("10.0.0.2", slot - 1), ("10.0.0.3", slot - 2), ("10.0.0.4", slot + 1)):
        for port in (5000, 5001):
            yield segment(host, port, "S", seq=1, options=OPTIONS)
            yield segment(host, port, "R", seq=cookie(host, port, good) ^ 1)
            yield segment(host, port, "R", seq=cookie(host, port, good))
            yield from [segment(host, port, "S", seq=1)] * 3
            yield segment(host, port, "A", seq=2)
            yield segment(host, port, "RA", seq=2)
            yield segment(host, port, "SA", seq=2)
    yield segment("10.0.0.7", 5000, "S")  # known from before
    yield segment("10.0.0.8", 5000, "S")  # but this was too long ago
    for host in range(500):  # a flood, from anywhere
        yield segment(str(IPv4Address("172.16.0.0") + 7 * host), 1000 + host, "S", seq=host)
    for ttl in range(0, 256, 5):  # checksums of all kinds
        yield padded(ipv4(TCP(sport=ttl, dport=443, flags="S"), src="10.0.0.6", dst=SERVER, ttl=ttl, tos=ttl))
    yield padded(ipv4(UDP(sport=5000, dport=443)))
    yield padded(ipv4(TCP(flags="S"), options=[b"\x01" * 4]))
    yield padded(ipv4(TCP(flags="S"), frag=1))
    yield padded(ipv4(TCP(flags="S"), proto=47))
    yield padded(ether() / ARP())
    yield padded(ipv6(TCP(flags="S")), 80)
    yield from truncations(segment("10.0.0.1", 5000, "S"))
    yield from truncations(padded(ipv4(UDP())))


def cookie(client: str, port: int, slot: int) -> int:
    """As the program makes it."""
    source, dest = (struct.unpack("<I", IPv4Address(address).packed)[0] for address in (client, SERVER))
    ports = struct.unpack("<I", struct.pack(">HH", 443, port))[0]
    a, b, c = (word + SECRET + 0xDEADBEEF + 12 & MASK for word in (source, dest, ports ^ slot & MASK))
    c = mix(c, b, 14)
    a = mix(a, c, 11)
    b = mix(b, a, 25)
    c = mix(c, b, 16)
    a = mix(a, c, 4)
    b = mix(b, a, 14)
    return mix(c, b, 24)


def mix(word: int, other: int, bits: int) -> int:
    rotated = other << bits | other >> 32 - bits
    return (word ^ other) - rotated & MASK


def known(client: str, until_ns: int) -> dict[str, str]:
    return {"key": IPv4Address(client).packed.hex(), "value": struct.pack("<Q", until_ns).hex()}


MAPS = {"verified": [known("10.0.0.7", START + 10**9), known("10.0.0.8", START - 1)]}
