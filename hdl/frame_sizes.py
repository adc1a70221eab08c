"""Sizes in bytes that every datapath can have or take."""

from __future__ import annotations

WIDTHS = (8, 16, 32, 64, 128)
"""Bytes a beat that the datapath can be built for."""

MIN_FRAME = 14
"""Bytes of an Ethernet header: the shortest frame that Linux hands to an XDP program."""

LONGEST_FRAME = 16384
"""Bound on ``max_frame``, so that 16 bits hold every length and offset of a program."""
