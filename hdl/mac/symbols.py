"""What crosses GMII in one byte time, and the numbers of IEEE 802.3 that both directions share."""

from __future__ import annotations

from amaranth.lib import data

SYMBOL = data.StructLayout({
    "data": 8,  # in 10 and 100 Mb/s the low nibble counts, the lower half of a byte first
    "valid": 1,  # RX_DV, TX_EN
    "error": 1,  # RX_ER, TX_ER
})
"""The lines of GMII in one direction. All zero: idle."""


def octet_layout(side: int = 0) -> data.StructLayout:
    """A byte of a frame without its FCS. ``error``: valid with ``last``, kills the frame. ``side`` bits go with it."""
    return data.StructLayout({"data": 8, "last": 1, "error": 1, "side": side})


OCTET = octet_layout()

PREAMBLE = 0x55
PREAMBLE_BYTES = 7
START = 0xD5
"""The start frame delimiter."""

MIN_FRAME = 60
"""Bytes of the shortest frame, without FCS; shorter ones are padded."""
FCS_BYTES = 4
GAP_BYTES = 12
"""Byte times between two frames."""
