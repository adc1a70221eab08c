"""What to do instead of calling helpers that there is no hardware for, where there is something better to say than
which helpers there are."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

REMEDIES: Mapping[int, str] = MappingProxyType(
    {
        163: "compare the frame's length with the MTU, for instance in a constant or a map",  # check_mtu
    }
)
"""Helper id -> remedy."""
