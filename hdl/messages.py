"""Transfers on control buses as messages: what a serial line and management frames carry (docs/control-messages.md).

A message is 32-bit words, the lowest byte first:

0. `KIND`: bytes 0x88 0xB5 (the EtherType), what it is, flags.
1. Its number. A reply has that of its request.
2. Of a request: how many runs follow. Of a reply: how many words follow.
3. Of a request, the runs: `RUN`, then for writes the words to write. Of a reply: the words read, in order.
"""

from __future__ import annotations

from amaranth.lib import data

ETHERTYPE = 0x88B5
"""IEEE 802, local experimental EtherType 1."""

REQUEST, REPLY, MALFORMED = 1, 2, 3
"""MALFORMED: a reply to a request that ended too early, or whose reply would be too long; what came before was done."""

MORE = 1
"""Flag: other requests belong together with this one; until the last of them, without it, no others come in between."""

PATIENCE_S = 1.0
"""How long the rest of them may take."""

WORDS = 256
"""Of the longest message."""
HEAD_WORDS = 3
LONGEST_RUN = 256

KIND = data.StructLayout({"type_high": 8, "type_low": 8, "kind": 8, "flags": 8})

RUN = data.StructLayout({
    "address": 16,  # of the first word; the others follow
    "unit": 7,  # which bus
    "more": 8,  # words beyond the first
    "write": 1,
})

DEVICE_ADDRESS = bytes.fromhex("024850544800")
"""The Ethernet address of a device on its port 0; on port i the last byte is i. Locally administered."""


def kind_word(kind: int, flags: int = 0) -> int:
    """Word 0."""
    return ETHERTYPE >> 8 | (ETHERTYPE & 0xFF) << 8 | kind << 16 | flags << 24


def run_word(unit: int, address: int, words: int, write: bool) -> int:
    """A `RUN`."""
    return address | unit << 16 | (words - 1) << 23 | write << 31
