"""bpf_ringbuf_submit (kernel/bpf/ringbuf.c)."""

from __future__ import annotations

from .ringbuf import GiveBack


class RingbufSubmit(GiveBack):
    id = 132
    name = "bpf_ringbuf_submit"
    summary = "the host gets the record, in the place where it was reserved"
    publishes = True
