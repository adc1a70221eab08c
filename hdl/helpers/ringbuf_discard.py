"""bpf_ringbuf_discard (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

from .ringbuf import GiveBack


class RingbufDiscard(GiveBack):
    id = 133
    name = "bpf_ringbuf_discard"
    summary = "the record takes room, and the host does not get it"
