"""What to do instead of calling helpers that there is no hardware for, where there is something better to say than
which helpers there are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_SOCKETS = "keep the addresses and ports of the host's sockets in a hash map that the host fills"
_DYNPTR = "use bpf_ringbuf_reserve with a constant size, or bpf_ringbuf_output with a bounded one"

REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        84: _SOCKETS,  # sk_lookup_tcp
        85: _SOCKETS,  # sk_lookup_udp
        99: _SOCKETS,  # skc_lookup_tcp
        **dict.fromkeys(range(197, 204), _DYNPTR),  # those of bpf_dynptr
    }
)
"""Helper id -> remedy."""
