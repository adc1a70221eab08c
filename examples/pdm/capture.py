"""Packets of hosts inside, and answers that have the option, others, or none."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator
from ipaddress import IPv6Address

from packets import ether, ipv4, ipv6, padded, truncations
from scapy.layers.inet import TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP
from scapy.packet import Packet, Raw

INSIDE, OUTSIDE = "2001:db8::1", "2001:db8:1::1"
START = 1_700_000_000 * 10**9
AGO = [0, *(3**power for power in range(39))]  # ns


def frames() -> Iterator[bytes]:
    rng = random.Random(3)
    for _ in range(200):
        layer4 = rng.choice((TCP, UDP))
        port, size = rng.randrange(4000, 4004), rng.choice((0, 1, 8, 100, 1400))
        if rng.random() < 0.6:
            yield sent(layer4(sport=port, dport=80) / Raw(bytes(size)))
        else:
            yield received(layer4(sport=80, dport=port) / Raw(bytes(size)), option(rng.randrange(1 << 16)))
    for index in range(len(AGO)):  # flows known for a long time
        yield sent(UDP(sport=5000 + index, dport=80))
        yield received(UDP(sport=80, dport=5000 + index), option(7))
        yield sent(UDP(sport=5000 + index, dport=80))
    yield from [sent(TCP(sport=4000, dport=80))] * 20
    yield from [received(TCP(sport=80, dport=9999), option(1))] * 2  # of no flow
    good = option(5)
    for position, value in ((1, 0), (2, 0x1E), (3, 8)):
        yield received(UDP(sport=80, dport=4000), good[:position] + bytes([value]) + good[position + 1 :])
    yield padded(ipv6(UDP(), src=OUTSIDE, dst=INSIDE), 80)
    yield padded(ipv6(Raw(good + bytes(8)), src=OUTSIDE, dst=INSIDE, nh=0), 90)
    yield padded(ipv6(Raw(bytes([58]) + good[1:] + bytes(8)), src=OUTSIDE, dst=INSIDE, nh=60), 90)
    yield padded(ipv6(Raw(bytes(8)), nh=58), 80)
    for other in ("2001:db8:2::1", "2001:db9::1"):
        yield padded(ipv6(UDP(), src=OUTSIDE, dst=other), 80)
    yield padded(ipv4(TCP()))
    yield padded(ether() / ARP())
    for host in range(100):
        yield padded(ipv6(UDP(sport=1, dport=2), src=f"2001:db8::1:{host:x}", dst=OUTSIDE), 70)
    frame = received(TCP(sport=80, dport=4000), option(5))
    for size in range(14, 78):
        yield frame[:size]
    yield from truncations(sent(TCP(sport=4000, dport=80)))
    yield sent(TCP(sport=4000, dport=80))[:57]


def sent(layer4: Packet) -> bytes:
    return padded(ipv6(layer4, src=INSIDE, dst=OUTSIDE))


def received(layer4: Packet, options: bytes) -> bytes:
    protocol = layer4.overload_fields[IPv6]["nh"]
    return padded(ipv6(Raw(bytes([protocol]) + options[1:] + bytes(layer4)), src=OUTSIDE, dst=INSIDE, nh=60))


def option(number: int) -> bytes:
    """The header, but for the number of the next one."""
    return struct.pack(">BBBBBBHHHHBB", 0, 1, 0x0F, 10, 40, 41, number, 0, 1000, 2000, 1, 0)


def flow(port: int, ns_ago: int) -> dict[str, str]:
    addresses = IPv6Address(INSIDE).packed + IPv6Address(OUTSIDE).packed
    key = addresses + struct.pack(">HH", port, 80) + struct.pack("<I", 17)
    value = struct.pack("<QQQHHI", START - ns_ago, START - ns_ago, ns_ago, 0xFFFE, 3, 0)
    return {"key": key.hex(), "value": value.hex()}


MAPS = {"flows": [flow(5000 + index, ns_ago) for index, ns_ago in enumerate(AGO)]}
