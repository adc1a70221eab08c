"""Frames and map contents that reach all of vlan."""

from __future__ import annotations

from collections.abc import Iterator

from packets import INSIDE, OUTSIDE, ether
from scapy.layers.inet import IP
from scapy.layers.l2 import Dot1Q
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    for size in (14, 15, 17, 18, 59, 60, 61, 63, 64, 65, 124, 128, 1000, 1510, 1514):
        body = Raw(bytes((i * 7) & 255 for i in range(1600)))
        yield bytes(ether() / IP(src=INSIDE, dst=OUTSIDE) / body)[:size]
        yield bytes(ether() / Dot1Q(vlan=42) / IP(src=INSIDE, dst=OUTSIDE) / body)[:size]
        yield bytes(ether() / Dot1Q(vlan=43, prio=3) / IP(src=INSIDE, dst=OUTSIDE) / body)[:size]
