"""What Linux lets a program do with the ends of a frame (net/core/filter.c, include/net/xdp.h, 6.18, x86-64).

All are byte offsets from the frame's original data start, or byte counts. They are the values of
BPF_PROG_TEST_RUN; `tests/sim/test_linux_helpers.py` measures each one on the running kernel.
"""

from __future__ import annotations

LOWEST_START = -(256 - 40)
"""Data start and metadata stay at or behind this: XDP_PACKET_HEADROOM less sizeof(struct xdp_frame)."""

HIGHEST_END = 4096 - 256 - 320
"""Data end stays at or before this: a page less headroom and the aligned struct skb_shared_info."""

SHORTEST_FRAME = 14
"""ETH_HLEN: a frame never gets shorter than its Ethernet header."""

LONGEST_METADATA = 252
"""The largest multiple of 4 that skb_shared_info.meta_len, an u8, can hold."""
