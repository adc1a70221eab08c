"""Frames of all lengths on interface 1, also such as are for the bridge alone."""

from __future__ import annotations

from collections.abc import Iterator

from packets import plain
from scapy.layers.l2 import LLC, STP, Dot3
from scapy.packet import Raw


def frames() -> Iterator[bytes]:
    yield from plain()
    for address in ("01:80:c2:00:00:00", "01:80:c3:00:00:00", "01:00:5e:00:00:01"):
        yield bytes(Dot3(dst=address, src="02:00:00:00:00:01") / LLC() / STP() / Raw(bytes(8)))
    yield from plain()


MAPS = {"patches": [{"key": "01000000", "value": "01000000"}]}
