"""Frames and map contents that reach all of icmp_too_big."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from packets import ether, ipv4
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    for size in (14, 33, 34, 60, 599, 600, 601, 602, 603, 700, 1000, 1513, 1514):
        yield bytes(ipv4(UDP(sport=5, dport=6) / Raw(bytes(i & 255 for i in range(1500)))))[:size]
        yield bytes(ether() / IPv6() / Raw(bytes(1500)))[:size]


MAPS = {"answers": [{"key": "00000000", "value": struct.pack("<Q", 41).hex()}]}
