"""Frames of all kinds of lengths, which are sent back, and some with a length in place of a type."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from packets import plain
from scapy.layers.l2 import LLC, STP, Dot3


def frames() -> Iterator[bytes]:
    yield from plain()
    yield bytes(Dot3(dst="01:80:c2:00:00:00", src="02:00:00:00:00:01") / LLC() / STP())
    yield from plain()


MAPS = {"config": [{"key": "00000000", "value": struct.pack("<II", 3, 1).hex()}]}  # XDP_TX
